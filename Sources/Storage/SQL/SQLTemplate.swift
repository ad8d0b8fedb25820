/// The text of a statement: the program's own literals, and the places of the values between them.
///
/// A literal is told from another by where it lies, which is for good. So a driver finds what it prepared before
/// without the text, whose making and hashing cost as much as a good part of the statement itself.
package struct SQLTemplate: Sendable {
    private enum Piece: Sendable {
        case literal(StaticString)
        case place
    }

    private var pieces: [Piece] = []
    private var digest: UInt = 0

    init(pieceCount: Int) { pieces.reserveCapacity(pieceCount) }

    mutating func append(_ literal: StaticString) {
        guard literal.utf8CodeUnitCount > 0 else { return }
        pieces.append(.literal(literal))
        digest = digest &* 31 &+ literal.address
    }

    mutating func appendPlace() {
        pieces.append(.place)
        digest = digest &* 31 &+ 1
    }

    /// With the places numbered `$1…$n`.
    package var text: String {
        var text = ""
        var places = 0
        for piece in pieces {
            switch piece {
            case .literal(let literal): text += "\(literal)"
            case .place:
                places += 1
                text += "$\(places)"
            }
        }
        return text
    }
}

extension SQLTemplate: Hashable {
    package static func == (lhs: SQLTemplate, rhs: SQLTemplate) -> Bool {
        lhs.digest == rhs.digest
            && lhs.pieces.elementsEqual(rhs.pieces) { one, other in
                switch (one, other) {
                case (.place, .place): true
                case (.literal(let one), .literal(let other)):
                    one.address == other.address && one.utf8CodeUnitCount == other.utf8CodeUnitCount
                case (.place, .literal), (.literal, .place): false
                }
            }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

extension StaticString {
    fileprivate var address: UInt { unsafe UInt(bitPattern: utf8Start) }
}
