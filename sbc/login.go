package sbc

import (
	"fmt"

	"github.com/tandem-voip/tandem/config/secret"
	"github.com/tandem-voip/tandem/sip"
)

// LoginConfig asks a trunk's INVITE and REGISTER for a name and a password, by
// digest (RFC 3261 §22). Phones, whose addresses prove nothing, should have to.
type LoginConfig struct {
	// Realm is what users are told they log in to.
	Realm string
	// MD5 takes MD5 besides SHA-256. Most phones in browsers know no other.
	MD5 bool
	// Users may log in. Each calls as himself, whatever his From says, and
	// registers himself alone. With none, nobody is asked.
	Users []UserConfig
}

// UserConfig is a user of a trunk.
type UserConfig struct {
	// Name is the name he logs in with, which is also his number.
	Name string
	// Password is his password; password_file names a file that holds it.
	Password secret.String
}

// maxUsers bounds the users of one trunk.
const maxUsers = 10_000

func (l *LoginConfig) validate(f *findings, key string) {
	if l.Realm == "" || !isPlain(l.Realm) {
		f.add(key+".realm", "%q is no realm; use a short text, such as your domain", l.Realm)
	}
	if len(l.Users) > maxUsers {
		f.add(key+".users", "are more than %d", maxUsers)
	}
	names := make(map[string]bool, len(l.Users))
	for i, u := range l.Users {
		k := fmt.Sprintf("%s.users[%d]", key, i)
		if !isUser(u.Name) {
			f.add(k+".name", "%q cannot be the user part of a URI", u.Name)
		}
		if names[u.Name] {
			f.add(k+".name", "%q is there twice", u.Name)
		}
		names[u.Name] = true
		if u.Password.Empty() {
			f.add(k+".password", "is missing; a user without one cannot log in")
		}
	}
}

// login is what the user agent asks of the trunk's requests; nil: nothing.
func (l *LoginConfig) login() *sip.Login {
	if len(l.Users) == 0 {
		return nil
	}
	passwords := make(map[string]secret.String, len(l.Users))
	for _, u := range l.Users {
		passwords[u.Name] = u.Password
	}
	return &sip.Login{Realm: l.Realm, MD5: l.MD5, Password: func(user string) (string, bool) {
		p, ok := passwords[user]
		return p.Reveal(), ok
	}}
}
