// Package media moves audio between telephone calls.
//
// An [Endpoint] is our end of one RTP session: its sockets, its [Latch], its
// keys, its RTCP. A [Pool] owns the ports of the machine, opens endpoints and
// does their slow work. Two endpoints that are connected to each other forward:
// the goroutine that read a packet stamps it for the other side and sends it.
// Where the codecs of the two sides differ a [PacketWriter] that recodes stands
// in between; it is driven by arrival too and adds no clock.
//
// An endpoint may face several early dialogs of one INVITE. The dialog latch
// decides which of them is heard: the first whose authenticated RTP arrives,
// until a final answer decides. The path latch decides where we send: an
// address that was signalled, or learned within narrow limits (RFC 7362 §4), or
// checked (RFC 8445 §7.3). Every decision is a [Notice].
//
// Goroutines: one reader for each processor, which reads the sockets of many
// endpoints (media/udp), one housekeeper in a pool, and, while a DTLS association
// lives, those of pion. Sockets that the pool did not open itself have a reader
// each. All of them are started by a pool and have ended when [Pool.Run] returns.
//
// The path of a packet allocates nothing and never waits.
//
// Standards: RFC 3550 and 3551 (RTP, RTCP), 3711 (SRTP), 4568 (SDES), 5763 and
// 5764 (DTLS-SRTP), 7983 (demultiplexing), 4733 (digits), 3389 (comfort noise),
// 4961 and 7362 (symmetric RTP, latching), 5761 and 5506 (RTCP variants).
//
// It leaves offers and answers to media/sdp, connectivity checks to media/ice,
// sockets to media/udp, and who is joined to whom to sbc.
package media
