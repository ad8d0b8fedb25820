import Synchronization

/// The wordings in use; replaced whole when their file is read again.
package final class MessageTemplates: Sendable {
    private let current: Mutex<TemplateCatalogue>

    package init(_ catalogue: TemplateCatalogue = TemplateCatalogue()) { current = Mutex(catalogue) }

    package var catalogue: TemplateCatalogue { current.withLock { $0 } }

    package func replace(with catalogue: TemplateCatalogue) { current.withLock { $0 = catalogue } }
}
