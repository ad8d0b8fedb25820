/// What kind of line a number leads to, as far as its digits tell. The raw values are stored.
package enum LineType: String, Sendable, CaseIterable {
    case mobile
    case fixedLine
    /// The numbering plan does not tell the two apart (all of North America): text messages may arrive.
    case fixedLineOrMobile
    case premium
    case tollFree
    case sharedCost
    case voip
    /// Follows a person from line to line (+44 70 …); often charged like a premium number.
    case personal
    case pager
    /// A company's one number for all its places ("universal access number").
    case uan
    case voicemail
    /// Never the result of a check; here for rows written by a later version with more types.
    case unknown
}
