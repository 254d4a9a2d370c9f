package media

import (
	"strings"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/media/sdp"
)

// digits is what was told, as keys.
func (b *bench) digits() string {
	var s strings.Builder
	for _, n := range b.told(NoticeDigit) {
		s.WriteString(n.Press.Digit.Key())
	}
	return s.String()
}

// presses is what a phone received as telephone events, as keys.
func presses(p *phone, pt uint8, clock int) (keys string, lengths []time.Duration) {
	r := dtmf.NewReceiver(clock)
	add := func(press dtmf.Press, ok bool) {
		if ok {
			keys += press.Digit.Key()
			lengths = append(lengths, press.Duration)
		}
	}
	var last time.Time
	for _, h := range p.packets() {
		if h.PayloadType != pt {
			continue
		}
		if ev, err := dtmf.ParseEvent(h.Payload); err == nil {
			add(r.Receive(h.at, h.Timestamp, ev))
			last = h.at
		}
	}
	add(r.Advance(last.Add(time.Second)))
	return keys, lengths
}

const events = uint8(101)

// Every digit is told once and passed on once, with its duration, also when the
// marker or all end packets are lost.
func TestDigitsPassOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		drop func(i int) bool
	}{
		{"whole", nil},
		{"no marker", func(i int) bool { return i == 0 }},
		{"no end", func(i int) bool { return i >= 5 }},
		{"one end", func(i int) bool { return i == 5 || i == 7 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, b *bench) {
				_, _, pa, pb := b.join(Options{}, Options{})
				pa.say(5, 1)
				for code := range byte(16) {
					pa.press(events, code, 5, c.drop)
					pa.say(3, 1)
				}
				time.Sleep(time.Second)
				const all = "0123456789*#ABCD"
				if got := b.digits(); got != all {
					t.Errorf("told %q", got)
				}
				got, lengths := presses(pb, events, 8000)
				if got != all {
					t.Errorf("passed on %q", got)
				}
				for i, d := range lengths {
					if d != 100*time.Millisecond {
						t.Errorf("digit %d lasted %v, want 100ms", i, d)
					}
				}
			})
		})
	}
}

// Durations and timestamps are scaled where the clocks of events differ.
func TestDigitsBetweenClocks(t *testing.T) {
	opus := sdp.Format{Type: 111, Codec: codec.Params{Name: "opus", ClockRate: 48000, Channels: 2}}
	for _, clocks := range [][2]int{{8000, 48000}, {48000, 8000}, {48000, 48000}} {
		bubble(t, nil, func(t *testing.T, b *bench) {
			ea, eb, pa, pb := b.join(Options{}, Options{})
			in, out := agree(pa.addr()), agree(pb.addr())
			in.Send, in.Receive[0], out.Send, out.Receive[0] = opus, opus, opus, opus
			in.Event = sdp.Payload{Send: 110, Receive: 110, Clock: clocks[0]}
			out.Event = sdp.Payload{Send: 126, Receive: 126, Clock: clocks[1]}
			apply(t, ea, "a", in)
			apply(t, eb, "b", out)
			pa.pt = 111
			pa.say(3, 1)
			scale := uint16(clocks[0] / 8000)
			for i := range 5 {
				end, n := byte(0), min(i+1, 4)
				if i == 4 {
					end = 0x80
				}
				d := uint16(n) * 160 * scale
				pkt := pa.packet(0)
				pkt = append(pkt[:12], 7, end|10, byte(d>>8), byte(d))
				pkt[1] = 110
				pa.ts -= 160
				copy(pkt[4:8], []byte{byte(pa.ts >> 24), byte(pa.ts >> 16), byte(pa.ts >> 8), byte(pa.ts)})
				pa.send(pkt)
				time.Sleep(FrameDuration)
			}
			time.Sleep(time.Second)
			got, lengths := presses(pb, 126, clocks[1])
			if got != "7" || lengths[0] != 80*time.Millisecond || b.digits() != "7" {
				t.Errorf("clocks %v: %q %v, told %q", clocks, got, lengths, b.digits())
			}
		})
	}
}

// A digit held so long that it comes in segments stays one digit on the far
// side (RFC 4733 §2.5.1.3).
func TestSegmentsStayOneDigit(t *testing.T) {
	var o eventOut
	if !o.follow(1, 1000, 5000, dtmf.Event{Code: 1, Duration: 160}) {
		t.Error("the first packet begins no digit")
	}
	o.follow(1, 1000, 5000, dtmf.Event{Code: 1, Duration: 10922})
	if o.follow(1, 1000+65535, 70535, dtmf.Event{Code: 1, Duration: 160}) {
		t.Error("the second segment begins another digit")
	}
	if ts, d := o.at(8000); ts != 5000 || d != 10922+160 {
		t.Errorf("at 8000: timestamp %d, duration %d", ts, d)
	}
	if ts, d := o.at(48000); ts != 5000+0xFFFF || d != (10922+160)*6-0xFFFF {
		t.Errorf("at 48000: timestamp %d, duration %d", ts, d)
	}
	if !o.follow(1, 1000+165535, 90000, dtmf.Event{Code: 2, Duration: 160}) {
		t.Error("another key is the same digit")
	}
}

// Audio after a digit held for seconds is where it belongs in time.
func TestAudioAfterALongDigitKeepsItsTime(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		_, _, pa, pb := b.join(Options{}, Options{})
		pa.say(5, 1)
		pa.press(events, 1, 200, nil)
		pa.say(5, 1)
		got := pb.packets()
		if d := got[len(got)-1].Timestamp - got[0].Timestamp; d != uint32(len(got)-1)*160 {
			t.Errorf("timestamps went on by %d over %d packets", d, len(got)-1)
		}
		if keys, lengths := presses(pb, events, 8000); keys != "1" || lengths[0] != 4*time.Second {
			t.Errorf("heard %q %v", keys, lengths)
		}
	})
}

// A side that takes digits as INFO or tones gets no event packets, and no hole
// where they were.
func TestEventsAreTakenOutForOtherKinds(t *testing.T) {
	for _, kind := range []DigitKind{DigitsInfo, DigitsInband} {
		bubble(t, nil, func(t *testing.T, b *bench) {
			_, _, pa, pb := b.join(Options{}, Options{Digits: kind})
			pa.say(5, 1)
			pa.press(events, 5, 5, nil)
			pa.say(5, 1)
			got := pb.packets()
			if len(got) != 10 || got[9].SequenceNumber-got[0].SequenceNumber != 9 {
				t.Errorf("%v: %d packets, sequence +%d", kind, len(got), got[len(got)-1].SequenceNumber-got[0].SequenceNumber)
			}
			if b.digits() != "5" {
				t.Errorf("told %q", b.digits())
			}
		})
	}
}

// A digit of ours goes out as event packets in the place of speech.
func TestDigitOfOursIsSentInOrder(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		_, eb, pa, pb := b.join(Options{}, Options{})
		pb.say(1, 2)
		go func() {
			time.Sleep(105 * time.Millisecond)
			for _, k := range "1#" {
				if !eb.SendDigit(time.Now(), dtmf.Press{Digit: dtmf.Digit(k), Duration: 120 * time.Millisecond}) {
					t.Error("refused")
				}
			}
		}()
		pa.say(60, 1)
		keys, lengths := presses(pb, events, 8000)
		if keys != "1#" || lengths[0] != 120*time.Millisecond {
			t.Errorf("heard %q %v", keys, lengths)
		}
		got := pb.packets()
		for i := 1; i < len(got); i++ {
			if got[i].SequenceNumber != got[i-1].SequenceNumber+1 {
				t.Fatalf("packet %d: sequence %d after %d", i, got[i].SequenceNumber, got[i-1].SequenceNumber)
			}
		}
	})
}

// A24: digits before the answer wait for the first packet, go to the latched
// dialog alone, whether the caller sent them as events or the owner asked.
func TestEarlyDigitsWaitForTheLatchedDialog(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(Options{}, "A", "B")
		apply(t, e, "A", agree(far["A"].addr()))
		apply(t, e, "B", agree(far["B"].addr()))
		ear.press(events, 1, 5, nil)
		if !e.SendDigit(time.Now(), dtmf.Press{Digit: '2', Duration: 100 * time.Millisecond}) {
			t.Error("refused")
		}
		far["B"].say(40, 'B')
		ear.press(events, 3, 5, nil)
		ear.press(events, 4, 5, nil)
		time.Sleep(time.Second)
		if got, _ := presses(far["B"], events, 8000); got != "1234" {
			t.Errorf("latched dialog got %q", got)
		}
		if got, _ := presses(far["A"], events, 8000); got != "" {
			t.Errorf("the other got %q", got)
		}
	})
}

// Digits that nobody comes for are forgotten, and never more than a few wait.
func TestWaitingDigitsAreBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, _ := b.fork(Options{}, "A")
		apply(t, e, "A", agree(far["A"].addr()))
		press := dtmf.Press{Digit: '1', Duration: 100 * time.Millisecond}
		for i := range heldPresses + 1 {
			if ok := e.SendDigit(time.Now(), press); ok != (i < heldPresses) {
				t.Errorf("digit %d: %v", i, ok)
			}
		}
		time.Sleep(heldTime)
		far["A"].say(50, 'A')
		if got, _ := presses(far["A"], events, 8000); got != "" {
			t.Errorf("after %v still sent %q", heldTime, got)
		}
	})
}

// sayTone sends so many packets of a key's tones.
func sayTone(t *testing.T, p *phone, key dtmf.Digit, packets int) {
	t.Helper()
	enc, err := g711.PCMU().NewEncoder(8000)
	if err != nil {
		t.Fatal(err)
	}
	g := dtmf.NewGenerator(8000)
	g.Press(dtmf.Press{Digit: key, Duration: time.Duration(packets) * FrameDuration})
	pcm := make([]int16, 160)
	for range packets + 3 {
		g.Sound(pcm)
		pkt := p.packet(0)
		if pkt, err = enc.Encode(pkt[:12], pcm); err != nil {
			t.Fatal(err)
		}
		p.send(pkt)
		time.Sleep(FrameDuration)
	}
}

// Tones are told as digits and do not leak into what is passed on.
func TestTonesAreToldAndMuted(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		_, _, pa, pb := b.join(Options{DetectTones: true}, Options{})
		pa.say(5, 0xFF)
		for _, k := range "159#D" {
			sayTone(t, pa, dtmf.Digit(k), 6)
			pa.say(3, 0xFF)
		}
		if got := b.digits(); got != "159#D" {
			t.Errorf("told %q", got)
		}
		dec, err := g711.PCMU().NewDecoder(8000)
		if err != nil {
			t.Fatal(err)
		}
		d := dtmf.NewDetector(8000)
		got := pb.packets()
		for i, h := range got {
			pcm, _ := dec.Decode(nil, h.Payload)
			if p, ok := d.Process(pcm, false); ok {
				t.Errorf("the far side heard %s", p.Digit.Key())
			}
			if i > 0 && h.SequenceNumber != got[i-1].SequenceNumber+1 {
				t.Errorf("muting left a hole at packet %d", i)
			}
		}
		for _, n := range b.told(NoticeDigit) {
			if n.Source != FromTones {
				t.Error("source is not tones")
			}
		}
	})
}

// A digit goes out as a tone where the far side takes nothing else.
func TestDigitIsSoundedInBand(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		_, eb, pa, pb := b.join(Options{}, Options{Digits: DigitsInband})
		pa.say(10, 0xFF)
		for _, k := range "07*" {
			eb.SendDigit(time.Now(), dtmf.Press{Digit: dtmf.Digit(k), Duration: 100 * time.Millisecond})
		}
		pa.say(60, 0xFF)
		dec, err := g711.PCMU().NewDecoder(8000)
		if err != nil {
			t.Fatal(err)
		}
		d, keys := dtmf.NewDetector(8000), ""
		got := pb.packets()
		for i, h := range got {
			pcm, _ := dec.Decode(nil, h.Payload)
			if p, ok := d.Process(pcm, false); ok {
				keys += p.Digit.Key()
			}
			if i > 0 && h.SequenceNumber != got[i-1].SequenceNumber+1 {
				t.Errorf("hole at packet %d", i)
			}
		}
		if keys != "07*" {
			t.Errorf("heard %q", keys)
		}
	})
}

// A far side that did not agree to events hears the digits as tones.
func TestEventsAreSoundedWhereNotAgreed(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		_, eb, pa, pb := b.join(Options{}, Options{})
		a := agree(pb.addr())
		a.Event = sdp.Payload{}
		apply(t, eb, "b", a)
		pa.say(5, 0xFF)
		for _, code := range []byte{4, 2} {
			pa.press(events, code, 5, nil)
			pa.say(15, 0xFF)
		}
		dec, err := g711.PCMU().NewDecoder(8000)
		if err != nil {
			t.Fatal(err)
		}
		d, keys := dtmf.NewDetector(8000), ""
		for _, h := range pb.packets() {
			pcm, _ := dec.Decode(nil, h.Payload)
			if p, ok := d.Process(pcm, false); ok {
				keys += p.Digit.Key()
			}
		}
		if keys != "42" {
			t.Errorf("heard %q", keys)
		}
	})
}

// What goes quiet is filled where the trunk wants it: comfort noise if it was
// agreed, else frames of silence.
func TestPausesAreFilledWhereAsked(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		_, eb, pa, pb := b.join(Options{}, Options{KeepMedia: true})
		pa.say(10, 1)
		time.Sleep(2 * time.Second)
		got := pb.packets()
		if n := len(got) - 10; n < 90 || n > 100 {
			t.Errorf("%d frames of silence in 2 s", n)
		}
		for i := 1; i < len(got); i++ {
			if got[i].SequenceNumber != got[i-1].SequenceNumber+1 {
				t.Fatalf("hole at packet %d", i)
			}
			if i > 11 && got[i].Timestamp != got[i-1].Timestamp+160 {
				t.Fatalf("packet %d: timestamp +%d", i, got[i].Timestamp-got[i-1].Timestamp)
			}
		}
		pb.forget()
		pa.say(10, 1)
		if n := len(pb.packets()); n > 12 {
			t.Errorf("%d packets while the source sends 10", n)
		}
		noisy := agree(pb.addr())
		noisy.ComfortNoise = sdp.Payload{Send: 13, Receive: 13, Clock: 8000}
		apply(t, eb, "b", noisy)
		pb.forget()
		time.Sleep(2 * time.Second)
		got = pb.packets()
		if len(got) < 8 || len(got) > 11 || got[5].PayloadType != 13 || len(got[5].Payload) != 1 {
			t.Errorf("%d packets of comfort noise in 2 s", len(got))
		}
		held := agree(pb.addr())
		held.Direction = sdp.Inactive
		apply(t, eb, "b", held)
		pb.forget()
		time.Sleep(2 * time.Second)
		if n := len(pb.packets()); n != 0 {
			t.Errorf("%d packets on hold", n)
		}
	})
}
