import AbuseSimulation
import JOSE

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// Runs every scenario and prints one JSON object a line; `make simulate` draws them.
let folder = CommandLine.arguments.dropFirst().first ?? "var/simulation"
try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
for attack in Scenario.Attack.allCases {
    let path = "\(folder)/\(attack.rawValue).sqlite"
    for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    let scenario = Scenario(attack)
    let report = try await Simulation(scenario, databasePath: path).run()
    let honest = report.honest.sorted { $0.key < $1.key }.map { place, passage in
        (
            place,
            [
                "asked": .integer(Int64(passage.asked)), "texted": .integer(Int64(passage.texted)),
                "typed": .integer(Int64(passage.typed)), "signed_in": .integer(Int64(passage.signedIn)),
            ] as JSONValue
        )
    }
    let minutes = report.minutes.map { minute in
        [
            .integer(Int64(minute.attackRequests)), .integer(Int64(minute.attackTexts)),
            .integer(Int64(minute.honestRequests)), .integer(Int64(minute.honestTexts)),
        ] as JSONValue
    }
    let refusals = report.refusals.sorted { $0.value > $1.value }.map { ($0.key, JSONValue.integer(Int64($0.value))) }
    let line: JSONValue = [
        "attack": .string(attack.rawValue), "requests": .integer(Int64(scenario.attackRequests)),
        "attack_texts": .integer(Int64(report.attackTexts)), "lost": .string("\(report.lost)"),
        "spent": .string("\(report.spent)"), "honest": .object(JSONObject(honest)),
        "refusals": .object(JSONObject(refusals)), "minutes": .array(minutes),
    ]
    print(line.serializedText)
}
