import JOSE

extension UserRow {
    /// A line of JSON without its break. Nil for a line of white space.
    static func result(of line: ArraySlice<UInt8>, country: String?) -> Result<ImportedUser, UserRecordProblems>? {
        if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }) { return nil }
        let object: JSONObject
        do throws(JSONError) {
            guard let value = try JSONValue(parsing: Array(line)).object else {
                return .failure(UserRecordProblems(["not a JSON object"]))
            }
            object = value
        } catch {
            let place = "\(error.reason.rawValue), at byte \(error.offset + 1) of the line"
            return .failure(UserRecordProblems(["not JSON: \(place)"]))
        }
        var row = UserRow()
        row.take(object)
        return row.finish(country: country)
    }

    private mutating func take(_ object: JSONObject) {
        var fields: Set<UserField> = []
        var properties: [String] = []
        for member in object.members {
            if member.name == "properties" {
                guard !member.value.isNull else { continue }
                guard let object = member.value.object else { refuse("properties", "must be an object"); continue }
                for property in object.members {
                    properties.append(property.name)
                    take(property: property.name, json: property.value.serializedText)
                }
                continue
            }
            switch UserColumn(named: member.name) {
            case .field(let field):
                guard fields.insert(field).inserted else { refuse(field, "there twice"); continue }
                take(field, member.value)
            case .property(let name):
                properties.append(name)
                take(property: name, json: member.value.serializedText)
            case nil:
                refuse(Self.shown(member.name), "not a field of users")
            }
        }
        if Set(properties).count < properties.count { refuse("properties", "a name is there twice") }
    }

    private mutating func take(_ field: UserField, _ value: JSONValue) {
        switch (field, value) {
        case (_, .null): return
        case (.createdAt, .string(let text)): take(field, text)
        case (.createdAt, .integer(let number)): take(createdAt: number)
        case (.createdAt, _): refuse(field, UserText.momentRule)
        case (.phoneVerified, _), (.emailVerified, _), (.disabled, _): take(field, value.bool)
        case (_, .string(let text)): take(field, text)
        default: refuse(field, "must be text")
        }
    }

    /// A member's name as it may be printed.
    private static func shown(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        return isPlain && !name.isEmpty && name.utf8.count <= 64 ? name : "a member"
    }
}
