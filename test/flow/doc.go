// Package flow runs call flows written as text against the whole appliance, in
// virtual time, over a network in memory. A flow is a ladder that people in
// telephony can read; each supported behaviour has one, and the list of flows
// is the list of features.
//
// To add a flow, add a file NAME.txt to the folder of the flows. To run it with
// its ladder printed: make flow F=NAME.
//
// # Lines
//
// A line is a statement. Lines that begin with # are comments; the first
// comment says what the flow shows and which RFC says so. Indented lines belong
// to the statement above them. A word in double quotes may hold spaces.
//
// # The gateway
//
// The gateway is at 192.0.2.1 and 2001:db8::1, port 5060, UDP and TCP.
//
//	trunk NAME ADDR[:PORT] [KEY VALUE]...   a trunk, and the peer at its address
//	trunk NAME [KEY VALUE]...               changes a trunk (then reload)
//	peer NAME ADDR[:PORT]                   somebody the gateway does not know
//	route [PREFIX|*] [from TRUNK,...] to TRUNK[,TRUNK...] [with TRUNK]... [KEY VALUE]...
//	routes                                  forgets the routes (then reload)
//	set KEY VALUE                           any other key of the configuration
//	secure [clients none|optional|required] [wildcards]
//	                                        TLS, WS and WSS too; names are gw.example
//	                                        and PEER.example
//	certificate PEER|gw [for NAME,...] [expired] [early] [lasting D] [forged]
//	                                        another one, from the next connection on;
//	                                        none: none; that of gw may be broken
//	link PEER|* [delay D] [jitter D] [loss P%] [double P%] [reorder P%] [segment BYTES]
//
// Keys are those of the configuration file. Sections before the last name may
// be left out when the name is unique: dtmf for media.dtmf. Lists are written
// with commas: codecs PCMU,opus. A block of YAML may follow a trunk or a route.
// Targets echo, tone and digits are the gateway's own. The gateway starts at
// the first line that is none of these.
//
// # Messages
//
//	west -> INVITE +15550100 offer PCMU telephone-event "X-Note: hello"
//	west <- 183 answer PCMU
//	east <- INVITE +15550100 offer opus=111 sendrecv no telephone-event
//
// A name is a peer's. east#2 is the second call there; east/A is fork A of a
// call, with a To tag and media of its own. A call of ours begins with our
// first request; a call of theirs is taken by the first "<-" of a new number.
// Messages are expected in the order in which they come; 100 and repetitions
// are passed over unless they are asked for. ACK and CANCEL get branch and
// CSeq as the RFC has it, requests in a dialog its tags and targets.
//
// After the method or status follow, in any order:
//
//	+15550100       number called; expected ones may hold *
//	from N          number calling
//	to METHOD       which request a response is for
//	to URI          the whole Request-URI, such as tel:+15550100
//	offer, answer   SDP, see below
//	"Name: value"   header: put into what we send (an empty value removes it),
//	                expected in what comes, where * fits anything; in ours
//	                $replaces(east#2) names that dialog as Replaces does, and
//	                $escaped(east#2) does within a URI
//	no NAME         without that header; no sdp: without SDP
//	login USER:PASSWORD [with ALGORITHM] [count N]
//	                credentials for the last challenge, by SHA-256 unless said; nc
//	                counts its uses unless said
//	body TYPE       another body, in the lines below
//	by tcp          the transport of our first request: udp, tcp, tls, ws, wss
//	again           the last one once more, byte for byte
//	sometime        expected, though others may come before it
//	anew            ACK and CANCEL with a branch of their own
//	within D        expected no later than that; 5s unless said
//	after D         expected exactly that long after the last line was done
//	at once         the same with 0s
//
//	west -> raw     the lines below as they are; $GW, $ADDR, $ID are filled in
//	west gets nothing for D
//	west answers nothing     not even OPTIONS, which peers answer by themselves
//	west calls by tcp        from now on; by tls to NAME: and expects that name
//	east cuts off            closes the connections it has accepted
//	west is cut off [within D]   the gateway has closed the one it opened
//
// SDP words: codecs (PCMU, opus/48000, telephone-event=100 with the payload
// type), sendrecv, sendonly, recvonly, inactive, ptime N, refused (port 0), held
// (address 0.0.0.0), mux, sdes, suite NAME,...,
// tag N, lifetime L, mki V:N, rekey, profile P, video (a second line;
// expected: refused), same (unchanged), media ADDR:PORT (where our media is;
// a new one moves it), no FEATURE. Codecs that are expected are the whole list,
// in order, but for telephone-event and CN. Lines below give SDP as it is, with
// $ADDR and $PORT. A peer with ice is a full agent: candidates
// ADDR:PORT[/PRIORITY],... and restart, unless it is lite; it may trickle them; with dtls it may say setup ROLE, and
// forged for a fingerprint that is not its own.
//
// # Media
//
//	east plays 440 Hz [from ADDR:PORT] [for D]     east plays silence
//	east stops playing
//	west hears 440 Hz|silence [within D] [for D]   west hears nothing [for D]
//	west hears 440 Hz at ADDR:PORT [within D]      on that socket of ours
//	west hears opus of 8000            the widest so far, in samples a second
//	west hears reports [within D]                  RTCP, protected as agreed
//	west hears no reports for D
//	west hears noise [within D]                    CN, since it was last asked
//	west hears hissing [within D]                  noise as loud as peers' CN says
//	west hears 440 Hz alone [at ADDR:PORT] [for D]
//	                                   whatever comes from now on is that, the
//	                                   first within one packet time
//	east checks [from ADDR:PORT] [nominating] [unanswered|refused CODE]
//	            [with wrong password|ufrag|fingerprint|attribute]
//	east shakes hands [for reports] [failing]      DTLS; the one for reports is that of
//	                                   RTCP without mux
//	west sends N packets [from ADDR:PORT]
//	west sends N packets garbage|noise|reports|under another key|again
//	                                   noise is CN, reports are RTCP, again is a
//	                                   replay of the last N
//	west sends N packets of another stream from ADDR:PORT
//	                                   beside what west plays
//	west dials 12# [by event|info|tone] [without marker] [with N end]
//	east receives 12# [by event|info|tone] [within D]
//	east receives no digits [for D]
//
// Digits are received exactly once: what is there too many fails the line, or
// the end of the flow. INFO that brings a digit is answered by the peer.
//
// # The rest
//
//	after D                            virtual time passes
//	lose|double|hold [N] PEER ->|<- KIND [to METHOD] [for D]
//	                                   what happens to the next such messages
//	call record ITEM, ITEM...          30s, unanswered, cause 16, status 486,
//	                                   recoded, not recoded, early media,
//	                                   no early media, ended by caller,
//	                                   codecs A B, trunks A B, targets N, digits N
//	counter NAME[{label="v"}] is N     a metric; also: at least N
//	calls N                            so many calls are in progress
//	operator dials 12# to caller|called            by the API, in the only call
//	health TRUNK ITEM, ITEM...         up, down, tls X, ping X, overall X,
//	                                   registered X, reason X
//	reload [fails]                     the configuration as it now stands
//	drain                              the gateway is told to stop
//	stopped [within D]                 and has
//	nothing left                       no call, RTP port, message, digit, socket
//	                                   or goroutine remains
//
// Run runs a script; it must be called in a testing/synctest bubble. The
// goroutines of a flow are the readers of its peers' sockets and its players,
// all in run.go, and those of the appliance; Run waits for them.
package flow
