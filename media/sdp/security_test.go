package sdp

import (
	"errors"
	"strings"
	"testing"
)

// print256 is somebody's a=fingerprint.
func print256() string { return "\na=fingerprint:sha-256 " + strings.Repeat("CD:", 31) + "CD" }

const line80 = "\na=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:" + key80

// secured is an offer of one profile with these lines.
func secured(t *testing.T, p Profile, lines string) *Description {
	t.Helper()
	return parse(t, []byte("v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 4000 "+p.String()+" 0"+lines))
}

// Every profile is answered in itself, with the keys that policy and offer allow.
func TestProfilesAndPolicies(t *testing.T) {
	const sdes, dtls, plain = "sdes", "dtls", "plain"
	tests := []struct {
		name    string
		profile Profile
		lines   string
		policy  Policy
		prefer  bool // SDES
		want    string
		err     error
	}{
		{"plain, off", ProfileAVP, "", SecurityOff, false, plain, nil},
		{"feedback, off", ProfileAVPF, "", SecurityOff, false, plain, nil},
		{"optional srtp offered, off", ProfileAVP, line80, SecurityOff, false, plain, nil},
		{"optional srtp offered", ProfileAVP, line80, SecurityOptional, false, sdes, nil},
		{"optional dtls offered", ProfileAVPF, print256() + "\na=setup:actpass", SecurityOptional, false, dtls, nil},
		{"nothing offered, optional", ProfileAVP, "", SecurityOptional, false, plain, nil},
		{"keys in avp, required", ProfileAVP, line80, SecurityRequired, false, sdes, nil},
		{"plain, required", ProfileAVPF, "", SecurityRequired, false, "", ErrSecurityRequired},
		{"savp, required", ProfileSAVP, line80, SecurityRequired, false, sdes, nil},
		{"savpf, optional", ProfileSAVPF, line80, SecurityOptional, false, sdes, nil},
		{"savp with a fingerprint", ProfileSAVP, print256() + "\na=setup:active", SecurityRequired, false, dtls, nil},
		{"savp, off", ProfileSAVP, line80, SecurityOff, false, "", ErrSecurityRefused},
		{"tls, off", ProfileTLSF, print256(), SecurityOff, false, "", ErrSecurityRefused},
		{"tls", ProfileTLS, print256(), SecurityRequired, false, dtls, nil},
		{"tls without fingerprint", ProfileTLSF, "", SecurityOptional, false, "", ErrSecurityRequired},
		{"both, dtls first", ProfileTLS, print256() + line80, SecurityRequired, false, dtls, nil},
		{"both, sdes first", ProfileTLS, print256() + line80, SecurityRequired, true, sdes, nil},
		{"dtls on hold", ProfileTLS, print256() + "\na=setup:holdconn", SecurityRequired, false, "", ErrSecurityRequired},
		{"null cipher", ProfileSAVP, strings.Replace(line80, "AES_CM_128", "NULL", 1), SecurityRequired, false, "", ErrSecurityRequired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := keyed(t, certified(local(pcmu()), tt.policy), tt.policy, SuiteGCM256, SuiteAES128SHA80)
			l.Security.PreferSDES = tt.prefer
			offer := secured(t, tt.profile, tt.lines)
			d, a, err := Answer(offer, l)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			checkAnswer(t, offer, d)
			m := &d.Media[0]
			got := plain
			switch {
			case a.DTLS.Role != RoleNone && len(m.Fingerprints) == 1 && len(m.Crypto) == 0:
				got = dtls
			case a.Keys.Send.Suite == SuiteAES128SHA80 && m.Crypto[0].Tag == 7 && a.Keys.Receive.Tag == 7 && len(m.Fingerprints) == 0:
				got = sdes
			}
			if got != tt.want || a.Secure() != (got != plain) || a.Profile != tt.profile {
				t.Errorf("agreed %s, %+v", got, a)
			}
		})
	}
}

// We are the DTLS server where we may choose, and the client only where we must.
func TestDTLSRoles(t *testing.T) {
	tests := []struct {
		offered string
		ours    Role
		want    Role
		wrote   string
	}{
		{"\na=setup:actpass", RoleNone, RoleServer, "a=setup:passive"},
		{"\na=setup:actpass", RoleClient, RoleClient, "a=setup:active"},
		{"\na=setup:active", RoleClient, RoleServer, "a=setup:passive"},
		{"\na=setup:passive", RoleServer, RoleClient, "a=setup:active"},
		{"", RoleNone, RoleServer, "a=setup:passive"},
	}
	for _, tt := range tests {
		l := certified(local(pcmu()), SecurityRequired)
		l.Security.Role, l.Security.TLSID = tt.ours, "abc"
		d, a := answered(t, secured(t, ProfileTLS, print256()+tt.offered+"\na=tls-id:xyz"), l)
		if a.DTLS.Role != tt.want || a.DTLS.TLSID != "xyz" {
			t.Errorf("%q: agreed %+v", tt.offered, a.DTLS)
		}
		wantLines(t, d, tt.wrote, "a=tls-id:abc")
	}
}

// Of several fingerprints the one with the hash we trust most is checked.
func TestBestFingerprintIsChecked(t *testing.T) {
	l := certified(local(pcmu()), SecurityRequired)
	_, a := answered(t, secured(t, ProfileTLS, "\na=fingerprint:SHA-1 "+strings.Repeat("ab:", 19)+"ab"+print256()), l)
	if a.DTLS.Fingerprint.Hash != "sha-256" {
		t.Errorf("fingerprint %+v", a.DTLS.Fingerprint)
	}
}

// New keys and new associations are seen by comparing what was agreed.
func TestRekeyIsSeen(t *testing.T) {
	l := keyed(t, certified(local(pcmu()), SecurityRequired), SecurityRequired, SuiteAES128SHA80)
	agree := func(p Profile, lines string) Agreed {
		_, a := answered(t, secured(t, p, lines), l)
		return a
	}
	a := agree(ProfileSAVP, line80)
	if a.Rekeyed(new(agree(ProfileSAVP, line80+"\na=sendonly"))) {
		t.Error("hold is taken for new keys")
	}
	if !a.Rekeyed(new(agree(ProfileSAVP, strings.Replace(line80, "oaWY", "oaWZ", 1)))) {
		t.Error("another key is not seen")
	}
	b := agree(ProfileTLS, print256()+"\na=tls-id:1")
	if b.Rekeyed(&b) || !b.Rekeyed(new(agree(ProfileTLS, print256()+"\na=tls-id:2"))) {
		t.Error("a new association is not seen")
	}
}
