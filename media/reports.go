package media

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
)

// reports is the RTCP of an endpoint.
type reports struct {
	next time.Time // when a report is due; zero: nothing was agreed
	sent time.Time // the last RTP packet

	lsr   uint32 // middle of the NTP time in the last sender report received
	lsrAt time.Time
	ssrc  uint32 // of its sender
}

// startReports sets the first report on its way, sooner than the others
// (RFC 3550 §6.2).
func (e *Endpoint) startReports(now time.Time) {
	if e.reports.next.IsZero() {
		e.reports.next = now.Add(e.interval() / 2)
	}
	e.wakeAt(e.reports.next)
}

// interval is a randomized time to the next report (RFC 3550 §6.3.1).
func (e *Endpoint) interval() time.Duration {
	const compensation = 1.21828                                                                   // e - 3/2
	return time.Duration(float64(e.pool.cfg.RTCPInterval) * (0.5 + rand.Float64()) / compensation) //nolint:gosec // spreads load, hides nothing
}

// report sends a report when it is due. Hold does not stop it (RFC 3264 §5.1).
// The caller holds mu.
func (e *Endpoint) report(now time.Time) {
	if e.reports.next.IsZero() {
		return
	}
	if !now.Before(e.reports.next) {
		e.reports.next = now.Add(e.interval())
		e.sendRTCP(now, false)
	}
	e.wakeAt(e.reports.next)
}

// goodbye tells the far side that we leave (RFC 3550 §6.6).
func (e *Endpoint) goodbye(now time.Time) {
	if !e.reports.next.IsZero() && e.stats.Sent.Packets > 0 {
		e.sendRTCP(now, true)
	}
}

// sendRTCP sends a compound packet: a report, who we are, and goodbye if that
// is what it is (RFC 3550 §6.1).
func (e *Endpoint) sendRTCP(now time.Time, bye bool) {
	d := e.talk()
	if d == nil {
		return
	}
	to, ok := e.target(now, d, componentRTCP)
	if !ok || (d.agreed.Secure() && d.keys.outRTCP == nil) {
		return
	}
	raw, err := rtcp.Marshal(e.compound(now, d, bye))
	if err != nil {
		e.stats.SendErrors++
		return
	}
	if d.agreed.Secure() {
		if raw, err = d.keys.outRTCP.EncryptRTCP(nil, raw, nil); err != nil {
			e.stats.SendErrors++
			return
		}
	}
	component := componentRTCP
	if d.agreed.Mux {
		component = componentRTP
	}
	e.write(component, raw, to)
}

func (e *Endpoint) compound(now time.Time, d *dialog, bye bool) []rtcp.Packet {
	var about []rtcp.ReceptionReport
	if d.in.started {
		about = append(about, e.reception(now, d))
	}
	var first rtcp.Packet = &rtcp.ReceiverReport{SSRC: e.out.ssrc, Reports: about}
	if e.out.started && now.Sub(e.reports.sent) < 2*e.pool.cfg.RTCPInterval { // a sender, RFC 3550 §6.4
		first = &rtcp.SenderReport{
			SSRC: e.out.ssrc, NTPTime: ntp(now), RTPTime: e.out.ts + e.out.units(now.Sub(e.out.at)),
			PacketCount: uint32(e.stats.Sent.Packets),
			OctetCount:  uint32(e.stats.Sent.Octets),
			Reports:     about,
		}
	}
	packets := []rtcp.Packet{first, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: e.out.ssrc,
		Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: e.cname}},
	}}}}
	if bye {
		packets = append(packets, &rtcp.Goodbye{Sources: []uint32{e.out.ssrc}})
	}
	return packets
}

// reception is the report block about what we hear (RFC 3550 §6.4.1).
func (e *Endpoint) reception(now time.Time, d *dialog) rtcp.ReceptionReport {
	r := rtcp.ReceptionReport{
		SSRC: d.in.ssrc, FractionLost: d.in.fraction(),
		TotalLost:          uint32(min(d.in.lost(), 1<<23-1)),
		LastSequenceNumber: d.in.extended(), Jitter: d.in.jitter >> 4,
	}
	if e.reports.ssrc == d.in.ssrc && !e.reports.lsrAt.IsZero() {
		r.LastSenderReport = e.reports.lsr
		r.Delay = uint32(now.Sub(e.reports.lsrAt).Microseconds() << 16 / 1e6)
	}
	return r
}

// receiveRTCP takes a compound packet of the far side. What it says changes
// figures and nothing else: RTCP never teaches an address.
func (e *Endpoint) receiveRTCP(now time.Time, r *reader, b []byte, src netip.AddrPort) {
	e.mu.Lock()
	defer e.unlock()
	if e.closed {
		return
	}
	d := e.rtcpDialog(r.component, src, b)
	if d == nil {
		e.reject(now, src, "rtcp from another source than the far side")
		return
	}
	if d.agreed.Secure() {
		plain, err := d.keys.openRTCP(r, b)
		if err != nil {
			e.stats.Unauthentic++
			return
		}
		b = plain
	}
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		e.stats.Malformed++
		return
	}
	if d != e.talk() {
		return
	}
	for _, p := range packets {
		e.hearRTCP(now, p)
	}
}

// rtcpDialog finds whose RTCP a packet may be. Forks behind one address are told
// apart by the SSRC, which SRTCP leaves in the clear (RFC 3711 §3.4).
func (e *Endpoint) rtcpDialog(component uint8, src netip.AddrPort, b []byte) *dialog {
	if e.agent != nil {
		if name, checked := e.agent.Dialog(component, src); checked {
			for _, d := range e.dialogs {
				if len(b) >= 8 && d.source == binary.BigEndian.Uint32(b[4:]) && e.agent.Checked(d.name, component, src) {
					return d
				}
			}
			return e.find(name)
		}
	}
	for _, d := range e.dialogs {
		if component == componentRTP && e.rtcp != nil && !d.agreed.Mux {
			continue
		}
		if src == d.agreed.RemoteRTCP || (d.latch.Remote().IsValid() && src.Addr() == d.latch.Remote().Addr()) {
			return d
		}
	}
	return nil
}

func (e *Endpoint) hearRTCP(now time.Time, p rtcp.Packet) {
	switch p := p.(type) {
	case *rtcp.SenderReport:
		e.reports.ssrc, e.reports.lsr, e.reports.lsrAt = p.SSRC, uint32(p.NTPTime>>16), now
		e.hearAbout(now, p.Reports)
	case *rtcp.ReceiverReport:
		e.hearAbout(now, p.Reports)
	}
}

// hearAbout takes what the far side says of what we send.
func (e *Endpoint) hearAbout(now time.Time, about []rtcp.ReceptionReport) {
	for _, r := range about {
		if r.SSRC != e.out.ssrc {
			continue
		}
		e.farLoss.Store(int32(r.FractionLost) * 100 >> 8)
		if r.TotalLost < 1<<23 { // negative: more came than was sent, doubled packets
			e.stats.RemoteLost = uint64(r.TotalLost)
		}
		if e.out.clock > 0 {
			e.stats.RemoteJitter = min(time.Duration(r.Jitter)*time.Second/time.Duration(e.out.clock), time.Hour)
		}
		if r.LastSenderReport == 0 {
			continue
		}
		passed := int32(uint32(ntp(now)>>16) - r.LastSenderReport - r.Delay)
		if rtt := time.Duration(passed) * time.Second >> 16; rtt >= 0 && rtt < 30*time.Second {
			e.stats.RTT = rtt
		}
	}
}

// RemoteLoss is what share of the packets we send the far side's last report
// calls lost, in percent; 0 before the first. It never waits.
func (e *Endpoint) RemoteLoss() int { return int(e.farLoss.Load()) }

// openRTCP authenticates and decrypts a compound packet.
func (k *keys) openRTCP(r *reader, b []byte) ([]byte, error) {
	if k.inRTCP == nil {
		return nil, errNoKey
	}
	return k.inRTCP.DecryptRTCP(r.scratch(), b, nil)
}

// ntp is a time in the format of RFC 3550 §4: seconds since 1900, 32.32.
func ntp(t time.Time) uint64 {
	const epoch = 2208988800 // 1900 to 1970, seconds
	return uint64(t.Unix()+epoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}
