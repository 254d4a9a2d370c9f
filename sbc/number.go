package sbc

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/tandem-voip/tandem/sip"
)

// minNational is the fewest digits of a number that can be national or
// international; shorter ones are short codes (112, 1004) and stay as they are.
const minNational = 7

// isE164 reports whether a number is in the international form with a plus:
// at most 15 digits, the first not 0 (E.164 §6).
func isE164(n string) bool {
	digits, plus := strings.CutPrefix(n, "+")
	return plus && len(digits) >= minNational && len(digits) <= 15 && isDigits(digits) && digits[0] != '0'
}

// isPhone reports whether a user part is a telephone number of any form.
func isPhone(user string) bool { return strings.Trim(user, "+") != "" && isDialable(user) }

// read turns the user part of a URI, unescaped, into the number inside: E.164
// with a plus if it can be told, else what it is.
func (n *NumbersConfig) read(user string) string {
	number := bare(user)
	if n.Prefix != "" && len(number) > len(n.Prefix) {
		number = strings.TrimPrefix(number, n.Prefix)
	}
	if !isDigits(number) || len(number) < minNational {
		return number // a plus already, a name, or a short code
	}
	if rest, cut := strings.CutPrefix(number, n.International); cut && n.International != "" && isE164("+"+rest) {
		return "+" + rest
	}
	full := number
	if !n.Bare {
		if n.Country == "" {
			return number
		}
		full = n.Country + strings.TrimPrefix(number, n.National)
	}
	if full = "+" + full; isE164(full) {
		return full
	}
	return number
}

// bare takes off what is there for eyes alone and the parameters behind a
// number: "+1-555-0100;ext=7" is "+15550100" (RFC 3966 §3). A name stays whole.
func bare(user string) string {
	number, _, _ := strings.Cut(user, ";")
	number = strings.Map(func(r rune) rune {
		if strings.ContainsRune("-.() ", r) {
			return -1
		}
		return r
	}, number)
	if isPhone(number) {
		return number
	}
	return user
}

// write turns a number inside into what the peer wants to see.
func (n *NumbersConfig) write(number string, f NumberFormat) string {
	if !isE164(number) {
		return f.Prefix + number
	}
	switch f.Form {
	case FormPlain:
		number = number[1:]
	case FormNational:
		if rest, own := strings.CutPrefix(number[1:], n.Country); own {
			number = n.National + rest
		} else if n.International != "" {
			number = n.International + number[1:]
		}
	case FormE164, FormUnchanged:
	}
	return f.Prefix + number
}

// uri writes a number as a URI. A tel: URI needs a plus, or the context in which
// the number means something (RFC 3966 §5.1.5), else it is a sip: one; an empty
// number has no user.
func (n *NumbersConfig) uri(number string, f NumberFormat, host string, port uint16) string {
	user := n.write(number, f)
	phone := isPhone(user)
	if f.Tel && phone {
		if strings.HasPrefix(user, "+") {
			return "tel:" + user
		}
		if context := n.context(host); context != "" {
			return "tel:" + escapeUser(user) + ";phone-context=" + context
		}
	}
	uri := "sip:"
	if user != "" {
		uri += escapeUser(user) + "@"
	}
	uri += joinHostPort(host, port)
	if f.UserPhone && phone {
		uri += ";user=phone" // RFC 3261 §19.1.1
	}
	return uri
}

// context is where a number without a plus means something: the trunk's country,
// else the domain of the host; empty if that is an address, which is no context
// (RFC 3966 §3).
func (n *NumbersConfig) context(host string) string {
	if n.Country != "" {
		return "+" + n.Country
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ""
	}
	return host
}

// escapeUser escapes what cannot stand in the user part of a URI: all but
// unreserved and user-unreserved characters (RFC 3261 §25.1), less ";" and "?",
// which peers mistake for the end of it.
func escapeUser(user string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(user) {
		c := user[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			strings.IndexByte("-_.!~*'()&=+$,/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// userOf returns the user part of a URI, unescaped, and its host; false if there
// is none, or one that cannot be written again. A number with the context of a
// country is the one with that country's code.
func userOf(uri string) (user, host string, ok bool) {
	u, err := sip.ParseURI(uri)
	if err != nil {
		return "", "", false
	}
	if user, err = url.PathUnescape(u.User); err != nil || !isUser(user) {
		return "", u.Host, false
	}
	params := u.Params
	if u.Scheme != "tel" {
		_, params, _ = strings.Cut(user, ";") // RFC 3261 §19.1.6
	}
	if context, has := paramOf(params, "phone-context"); has {
		user = inContext(user, context)
	}
	return user, u.Host, true
}

// inContext puts the beginning of a global number before a local one. That does
// not always make a number (911 is in +1, and +1911 is none): a short code and
// what begins with a prefix stay local (RFC 3966 §5.1.5).
func inContext(user, context string) string {
	number := bare(user)
	country, plus := strings.CutPrefix(bare(context), "+")
	if !plus || country == "" {
		return user
	}
	if len(number) < minNational || number[0] == '0' || !isDigits(number) || !isE164("+"+country+number) {
		return user
	}
	return "+" + country + number
}
