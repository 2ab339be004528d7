extension ConfigurationKey {
    static let explaining: [ConfigurationKey] = [
        .init(
            "http.advertise", .text,
            """
            Where the other processes of a cluster reach this one's /admin, such as `http://10.1.2.3:8080`. By default \
            `http.host`, or the host's name where that is all addresses, and the port; nowhere when that is a loopback address. \
            Empty: nowhere.
            """)
    ]
}
