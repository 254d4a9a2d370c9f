package flow

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A phrase is what a statement says about one message, to send or to expect.
type phrase struct {
	kind     string // method or status, "raw" for a block sent as it is
	to       string // number called (INVITE and such), or method answered (status)
	from     string // number calling
	by       string // transport: udp, tcp
	headers  []header
	without  []string
	login    *login
	sdp      *sdpWords
	nosdp    bool
	within   time.Duration // expected no later; 0: the default
	exactly  time.Duration // expected exactly so long after the last step; -1: any time
	again    bool          // the last one repeated
	any      bool          // not necessarily the next one
	branch   bool          // a new branch for what usually keeps its own
	body     string        // other than SDP
	bodyType string
}

// parsePhrase reads the words after an arrow.
func parsePhrase(a *args, block string) (phrase, error) {
	p := phrase{kind: a.next(), exactly: -1}
	if p.kind == "" {
		return p, fmt.Errorf("a method or status is missing")
	}
	if p.kind == "raw" {
		if !strings.Contains(block, "\n\n") {
			block += "\n" // the end of the headers
		}
		p.body = strings.ReplaceAll(block, "\n", "\r\n")
		block = ""
	} else if w := a.peek(); w != "" && p.kind[0] > '9' && (w[0] == '+' || w[0] == '*' || (w[0] >= '0' && w[0] <= '9')) {
		p.to = a.next()
	}
	if err := p.words(a); err != nil {
		return p, err
	}
	if block != "" {
		switch {
		case p.sdp != nil:
			p.sdp.raw = block
		default:
			p.body = strings.ReplaceAll(block, "\n", "\r\n")
		}
	}
	return p, nil
}

// words reads what follows the name of the message.
func (p *phrase) words(a *args) error {
	for len(a.ws) > 0 {
		if a.ws[0].quoted {
			h := a.next()
			name, value, ok := strings.Cut(h, ":")
			if !ok {
				return fmt.Errorf("%q is no header", h)
			}
			p.headers = append(p.headers, header{name, strings.TrimSpace(value)})
			continue
		}
		if err := p.word(a, a.next()); err != nil {
			return err
		}
	}
	return nil
}

func (p *phrase) word(a *args, w string) (err error) {
	switch w {
	case "offer", "answer":
		if p.sdp, err = parseSDPWords(a); err == nil {
			p.sdp.answer = w == "answer"
		}
	case "no":
		if a.accept("sdp") {
			p.nosdp = true
		} else {
			p.without = append(p.without, a.next())
		}
	case "to":
		p.to = a.next()
	case "from":
		p.from = a.next()
	case "by":
		p.by = a.next()
	case "login":
		p.login, err = parseLogin(a)
	case "body":
		p.bodyType = a.next()
	case "within":
		p.within, err = a.duration()
	case "after":
		p.exactly, err = a.duration()
	case "at":
		if !a.accept("once") {
			err = fmt.Errorf(`"at" wants "once"`)
		}
		p.exactly = 0
	case "again":
		p.again = true
	case "sometime":
		p.any = true
	case "anew":
		p.branch = true
	default:
		err = fmt.Errorf("%q is not understood in a message", w)
	}
	return err
}

// mediaAt is the address that the phrase gives to our media, if any.
func (p *phrase) mediaAt() (at netip.AddrPort) {
	if p.sdp != nil {
		at = p.sdp.media
	}
	return at
}
