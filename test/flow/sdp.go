package flow

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A format is a codec of a session description.
type format struct {
	name     string // as SDP writes it, in any case
	clock    int
	channels int
	pt       int // -1: not said
}

func (f format) same(g format) bool {
	return strings.EqualFold(f.name, g.name) && f.clock == g.clock
}

func (f format) String() string { return fmt.Sprintf("%s/%d", f.name, f.clock) }

// aside reports whether the format accompanies speech: events, comfort noise.
func (f format) aside() bool {
	return strings.EqualFold(f.name, "telephone-event") || strings.EqualFold(f.name, "CN")
}

// known gives the clock and the usual payload type of a codec.
func known(name string) (f format, ok bool) {
	switch strings.ToLower(name) {
	case "pcmu":
		return format{"PCMU", 8000, 1, 0}, true
	case "pcma":
		return format{"PCMA", 8000, 1, 8}, true
	case "g722":
		return format{"G722", 8000, 1, 9}, true
	case "cn":
		return format{"CN", 8000, 1, 13}, true
	case "opus":
		return format{"opus", 48000, 2, 111}, true
	case "telephone-event", "events":
		return format{"telephone-event", 8000, 1, 101}, true
	case "g729":
		return format{"G729", 8000, 1, 18}, true
	}
	return format{}, false
}

// parseFormat reads PCMU, opus/48000 or telephone-event/48000=110.
func parseFormat(s string) (format, bool) {
	s, pt, hasPT := strings.Cut(s, "=")
	name, rest, hasClock := strings.Cut(s, "/")
	f, ok := known(name)
	if !ok {
		return f, false
	}
	if hasClock {
		clock, _, _ := strings.Cut(rest, "/")
		n, err := strconv.Atoi(clock)
		if err != nil {
			return f, false
		}
		if n != f.clock && f.pt >= 96 {
			f.pt = 110
		}
		f.clock = n
	}
	if hasPT {
		n, err := strconv.Atoi(pt)
		if err != nil {
			return f, false
		}
		f.pt = n
	}
	return f, true
}

// sdpWords is what a flow says about a session description.
type sdpWords struct {
	answer    bool // not an offer
	formats   []format
	direction string
	ptime     int
	refused   bool // the audio line has port 0
	zero      bool // hold by address 0.0.0.0 (RFC 2543)
	mux       bool
	sdes      bool
	suite     string // of sdes, several with commas; "": the usual one
	tag       string // of the first a=crypto line; expected only
	more      string // what follows the key: "|2^31|1:1"
	rekey     bool   // of sdes: a new key
	ice       bool
	restart   bool // of ICE: new credentials
	lite      bool // a lite agent
	trickle   bool // ICE whose candidates may come by INFO
	addresses []candidate
	dtls      bool
	setup     string // of dtls; "": the usual one
	forged    bool   // the fingerprint is another's
	profile   string
	video     bool // there is a video line besides; refused when expected
	same      bool // unchanged, version included
	absent    []string
	media     netip.AddrPort // where we want media, when not at our address
	raw       string         // the lines themselves
}

// parseSDPWords takes the words that describe SDP.
func parseSDPWords(a *args) (*sdpWords, error) {
	w := &sdpWords{}
	for len(a.ws) > 0 && !a.ws[0].quoted {
		taken, err := w.word(a)
		if err != nil || !taken {
			return w, err
		}
	}
	return w, nil
}

func (w *sdpWords) word(a *args) (taken bool, err error) {
	s := a.peek()
	if f, ok := parseFormat(s); ok {
		a.next()
		w.formats = append(w.formats, f)
		return true, nil
	}
	if s == "no" {
		if len(a.ws) < 2 || !slices.Contains([]string{"telephone-event", "CN", "mux", "sdes", "ice", "trickle", "dtls", "video"}, a.ws[1].s) {
			return false, nil
		}
		a.next()
		w.absent = append(w.absent, a.next())
		return true, nil
	}
	a.next()
	switch s {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		w.direction = s
	case "ptime":
		w.ptime, err = a.number()
	case "refused":
		w.refused = true
	case "held":
		w.zero = true
	case "mux":
		w.mux = true
	case "sdes":
		w.sdes = true
	case "suite":
		w.suite = a.next()
	case "tag":
		w.tag = a.next()
	case "lifetime", "mki":
		w.more += "|" + a.next()
	case "rekey":
		w.rekey = true
	case "ice":
		w.ice = true
	case "restart":
		w.restart = true
	case "lite":
		w.lite = true
	case "trickle":
		w.trickle = true
	case "candidates":
		w.addresses, err = parseCandidates(a.next())
	case "dtls":
		w.dtls = true
	case "setup":
		w.setup = a.next()
	case "forged":
		w.forged = true
	case "profile":
		w.profile = a.next()
	case "video":
		w.video = true
	case "same":
		w.same = true
	case "media":
		w.media, err = netip.ParseAddrPort(a.next())
	default:
		a.ws = append([]word{{s, false}}, a.ws...)
		return false, nil
	}
	return true, err
}

// A session is a session description that was read.
type session struct {
	origin    string // the o= line
	addr      netip.Addr
	port      uint16 // of the first audio line, 0 refuses it
	rtcpPort  uint16
	profile   string
	formats   []format
	direction string
	ptime     int
	mux       bool
	crypto    []string
	lines     []string // attributes of the audio line and the session
	others    []string // the other m= lines
}

// parseSession reads what this package uses of a description.
func parseSession(b []byte) (*session, error) {
	s := &session{direction: "sendrecv"}
	maps := map[int]format{}
	var order []int
	section := ""
	for l := range strings.SplitSeq(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n") {
		kind, value, ok := strings.Cut(l, "=")
		if !ok {
			continue
		}
		switch {
		case kind == "o":
			s.origin = value
		case kind == "m":
			var err error
			section, order, err = s.medium(value, section, order)
			if err != nil {
				return nil, err
			}
		case section == "other":
		case kind == "c":
			f := strings.Fields(value)
			if len(f) == 3 {
				s.addr, _ = netip.ParseAddr(f[2])
			}
		case kind == "a":
			s.attribute(value, maps)
		}
	}
	for _, pt := range order {
		f, ok := maps[pt]
		if !ok {
			if f, ok = static(pt); !ok {
				return nil, fmt.Errorf("payload type %d has no rtpmap", pt)
			}
		}
		f.pt = pt
		s.formats = append(s.formats, f)
	}
	if s.rtcpPort == 0 {
		s.rtcpPort = s.port + 1
		if s.mux {
			s.rtcpPort = s.port
		}
	}
	return s, nil
}

// medium reads an m= line.
func (s *session) medium(value, section string, order []int) (string, []int, error) {
	f := strings.Fields(value)
	if len(f) < 4 {
		return section, order, fmt.Errorf("m=%s has no formats", value)
	}
	if f[0] != "audio" || section == "audio" {
		s.others = append(s.others, value)
		return "other", order, nil
	}
	port, err := strconv.ParseUint(f[1], 10, 16)
	if err != nil {
		return section, order, fmt.Errorf("m=%s: port: %w", value, err)
	}
	s.port, s.profile = uint16(port), f[2]
	for _, x := range f[3:] {
		pt, err := strconv.Atoi(x)
		if err != nil {
			return section, order, fmt.Errorf("m=%s: format %q", value, x)
		}
		order = append(order, pt)
	}
	return "audio", order, nil
}

// attribute reads an a= line.
func (s *session) attribute(value string, maps map[int]format) {
	s.lines = append(s.lines, value)
	name, v, _ := strings.Cut(value, ":")
	switch name {
	case "rtpmap":
		pt, enc, _ := strings.Cut(v, " ")
		n, err := strconv.Atoi(pt)
		parts := strings.Split(enc, "/")
		if err != nil || len(parts) < 2 {
			return
		}
		clock, _ := strconv.Atoi(parts[1])
		maps[n] = format{name: parts[0], clock: clock, channels: 1, pt: n}
	case "sendrecv", "sendonly", "recvonly", "inactive":
		s.direction = name
	case "ptime":
		s.ptime, _ = strconv.Atoi(v)
	case "rtcp-mux":
		s.mux = true
	case "rtcp":
		n, _ := strconv.ParseUint(strings.Fields(v)[0], 10, 16)
		s.rtcpPort = uint16(n)
	case "crypto":
		s.crypto = append(s.crypto, v)
	}
}

// static gives the codec of a payload type that needs no rtpmap (RFC 3551 §6).
func static(pt int) (format, bool) {
	for _, n := range []string{"PCMU", "PCMA", "G722", "CN", "G729"} {
		if f, _ := known(n); f.pt == pt {
			return f, true
		}
	}
	return format{}, false
}

// attr returns the value of an attribute and whether it is there.
func (s *session) attr(name string) (string, bool) {
	for _, l := range s.lines {
		k, v, _ := strings.Cut(l, ":")
		if k == name {
			return v, true
		}
	}
	return "", false
}

// has reports whether the description has a feature named as in sdpWords.
func (s *session) has(feature string) bool {
	switch feature {
	case "mux":
		return s.mux
	case "sdes":
		return len(s.crypto) > 0
	case "ice":
		_, ok := s.attr("ice-ufrag")
		return ok
	case "lite":
		_, ok := s.attr("ice-lite")
		return ok
	case "trickle":
		v, _ := s.attr("ice-options")
		return slices.Contains(strings.Fields(v), "trickle")
	case "dtls":
		_, ok := s.attr("fingerprint")
		return ok
	case "video":
		return len(s.others) > 0
	}
	return slices.ContainsFunc(s.formats, func(f format) bool { return strings.EqualFold(f.name, feature) })
}

// check compares a description with what was expected of it.
func (w *sdpWords) check(s, before *session) error {
	var want, got []format
	for _, f := range w.formats {
		if !f.aside() {
			want = append(want, f)
		} else if !slices.ContainsFunc(s.formats, f.same) {
			return fmt.Errorf("SDP has %v, not %v", s.formats, f)
		}
	}
	for _, f := range s.formats {
		if !f.aside() {
			got = append(got, f)
		}
	}
	if len(w.formats) > 0 && !slices.EqualFunc(want, got, format.same) {
		return fmt.Errorf("SDP has codecs %v, expected %v", got, want)
	}
	for _, f := range w.formats {
		i := slices.IndexFunc(s.formats, f.same)
		if usual, _ := parseFormat(f.String()); i >= 0 && f.pt != usual.pt && s.formats[i].pt != f.pt {
			return fmt.Errorf("%v has payload type %d, expected %d", f, s.formats[i].pt, f.pt)
		}
	}
	switch {
	case w.direction != "" && s.direction != w.direction:
		return fmt.Errorf("SDP is %s, expected %s", s.direction, w.direction)
	case w.ptime != 0 && s.ptime != w.ptime:
		return fmt.Errorf("SDP has ptime %d, expected %d", s.ptime, w.ptime)
	case w.refused != (s.port == 0):
		return fmt.Errorf("audio has port %d, expected refused: %v", s.port, w.refused)
	case w.profile != "" && s.profile != w.profile:
		return fmt.Errorf("SDP has profile %s, expected %s", s.profile, w.profile)
	case w.rekey && (before == nil || len(s.crypto) == 0 || slices.Equal(before.crypto, s.crypto)):
		return errors.New("SDP has no other key than before")
	case w.same && (before == nil || before.origin != s.origin):
		return fmt.Errorf("SDP has origin %q, expected the one before", s.origin)
	}
	return w.features(s)
}

// features compares what is either there or not.
func (w *sdpWords) features(s *session) error {
	for feature, wanted := range map[string]bool{"mux": w.mux, "sdes": w.sdes, "ice": w.ice, "lite": w.lite, "trickle": w.trickle, "dtls": w.dtls, "video": w.video} {
		if wanted && !s.has(feature) {
			return fmt.Errorf("SDP has no %s", feature)
		}
	}
	if err := w.crypto(s); err != nil {
		return err
	}
	for _, feature := range w.absent {
		if s.has(feature) {
			return fmt.Errorf("SDP has %s", feature)
		}
	}
	for _, m := range s.others {
		if f := strings.Fields(m); w.video && f[1] != "0" {
			return fmt.Errorf("m=%s should be refused", m)
		}
	}
	return nil
}

// crypto compares suites and tag of SDES.
func (w *sdpWords) crypto(s *session) error {
	var tags, suites []string
	for _, c := range s.crypto {
		if f := strings.Fields(c); len(f) > 2 {
			tags, suites = append(tags, f[0]), append(suites, f[1])
		}
	}
	switch {
	case w.suite != "" && strings.Join(suites, ",") != w.suite:
		return fmt.Errorf("SDP has suites %v, expected %s", suites, w.suite)
	case w.tag != "" && (len(tags) == 0 || tags[0] != w.tag):
		return fmt.Errorf("SDP has tags %v, expected %s first", tags, w.tag)
	}
	return nil
}

// describe is a description in a ladder; "" when there is none.
func describe(body []byte) string {
	if !strings.HasPrefix(string(body), "v=0") {
		return ""
	}
	s, err := parseSession(body)
	if err != nil {
		return "SDP that cannot be read: " + err.Error()
	}
	var b strings.Builder
	b.WriteString("SDP")
	for _, f := range s.formats {
		fmt.Fprintf(&b, " %v=%d", f, f.pt)
	}
	fmt.Fprintf(&b, " at %v", netip.AddrPortFrom(s.addr, s.port))
	if s.direction != "sendrecv" {
		b.WriteString(" " + s.direction)
	}
	for _, feature := range []string{"mux", "sdes", "ice", "dtls"} {
		if s.has(feature) {
			b.WriteString(" " + feature)
		}
	}
	return b.String()
}
