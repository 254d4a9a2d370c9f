package admin

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/tandem-voip/tandem/config/secret"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 64 << 10

// healthPath is where the process says how it is; without the token, that it is
// alive.
const healthPath = "/healthz"

// guard lets a request in that no browser sent and, over TCP, that carries the
// token if there is one.
func guard(next http.Handler, tcp bool, token secret.String) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "":
			http.Error(w, "this API is not for browsers", http.StatusForbidden)
		case tcp && token.Empty() && !isLocal(r.Host):
			// A page may let its own name point here: the name gives it away.
			http.Error(w, "use the address, or localhost, in place of a name", http.StatusForbidden)
		case tcp && !token.Empty() && !bears(r, token) && r.URL.Path == healthPath:
			// Whoever restarts processes needs no secret to learn that this one
			// answers; how it is, and that it is a gateway, he does not learn.
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"status":"alive"}`+"\n") // a client that is gone misses nothing
		case tcp && !token.Empty() && !bears(r, token):
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			next.ServeHTTP(w, r)
		}
	})
}

// bears reports whether the request carries the token (RFC 6750 §2.1).
func bears(r *http.Request, token secret.String) bool {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && token.Equal(text)
}

// isLocal reports whether the host of a request is a loopback address or
// localhost, with or without a port.
func isLocal(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}
