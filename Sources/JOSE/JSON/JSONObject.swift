/// The members of a JSON object, each name once, in the order they were added.
///
/// Names are told apart by their bytes, as RFC 8259 §8.3 wants: Swift's own `==` would take the Kelvin sign for
/// the letter K. Objects here are small, so a list beats a dictionary.
package struct JSONObject: Sendable {
    package struct Member: Equatable, Sendable {
        package let name: String
        package var value: JSONValue

        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    package private(set) var members: [Member]

    package init() { members = [] }

    package init(_ elements: some Collection<(String, JSONValue)>) {
        members = []
        members.reserveCapacity(elements.count)
        for (name, value) in elements { self[name] = value }
    }

    /// For whoever has seen to it that no name is there twice: the parser, and names that were a key.
    package init(uniqueMembers: [Member]) { members = uniqueMembers }

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }

    /// Setting replaces in place or appends; setting nil removes.
    package subscript(name: String) -> JSONValue? {
        get {
            for member in members where member.name.hasSameBytes(as: name) { return member.value }
            return nil
        }
        set {
            let index = members.firstIndex { $0.name.hasSameBytes(as: name) }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(name: name, value: value))
            case (nil, nil): break
            }
        }
    }
}

/// Order is for the reader only: `{"a":1,"b":2}` equals `{"b":2,"a":1}`.
extension JSONObject: Equatable {
    package static func == (lhs: JSONObject, rhs: JSONObject) -> Bool {
        lhs.count == rhs.count && (lhs.members == rhs.members || lhs.members.allSatisfy { rhs[$0.name] == $0.value })
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
