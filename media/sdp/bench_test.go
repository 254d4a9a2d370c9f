package sdp

import "testing"

// BenchmarkParseAnswer is what an offer costs: read, answered, written.
func BenchmarkParseAnswer(b *testing.B) {
	for _, peer := range []string{"twilio", "teams", "chromium"} {
		b.Run(peer, func(b *testing.B) {
			body := readFile(b, peer)
			l := keyed(b, certified(local(opus(), pcmu()), SecurityOptional), SecurityOptional, SuiteAES128SHA80)
			l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				offer, err := Parse(body)
				if err != nil {
					b.Fatal(err)
				}
				answer, _, err := Answer(offer, l)
				if err != nil {
					b.Fatal(err)
				}
				answer.Bytes()
			}
		})
	}
}

// BenchmarkOfferAccept is what a call out costs: offered, and an answer read.
func BenchmarkOfferAccept(b *testing.B) {
	l := local(pcmu(), opus())
	theirs := local(pcmu())
	theirs.Addr = addr("192.0.2.1:1").Addr()
	answer, _, err := Answer(Offer(l), theirs)
	if err != nil {
		b.Fatal(err)
	}
	body := answer.Bytes()
	b.ReportAllocs()
	for b.Loop() {
		offer := Offer(l)
		offer.Bytes()
		answer, err := Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Accept(l, offer, answer); err != nil {
			b.Fatal(err)
		}
	}
}
