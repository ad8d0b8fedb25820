/// Every act of the domain as SQL, written once for both engines. One file an act's family, in `Acts/`.
package struct SQLStore: Sendable {
    package let engine: any SQLEngine

    package init(engine: any SQLEngine) { self.engine = engine }
}
