package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// secureServer does the handshake of an accepted connection.
func (t *Transport) secureServer(ctx context.Context, s *socket, nc net.Conn) (net.Conn, *Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Streams.HeaderTimeout)
	defer cancel()
	m := t.profile(s.cfg.Profile).current.Load()
	tc := tls.Server(nc, m.server())
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	return tc, identityOf(tc.ConnectionState(), m.verifiesClients()), nil
}

// secureClient does the handshake of a connection we opened, for the name in key.
func (t *Transport) secureClient(ctx context.Context, key connKey, nc net.Conn) (net.Conn, *Identity, error) {
	p := t.profile(key.profile)
	if p == nil {
		return nil, nil, fmt.Errorf("no tls profile %q: add it to the profiles", key.profile)
	}
	m := p.current.Load()
	name := key.host
	switch {
	case m.cfg.ServerName != "":
		name = m.cfg.ServerName
	case name == "":
		name = key.remote.Addr().String()
	}
	tc := tls.Client(nc, m.client(name))
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, nil, fmt.Errorf("tls with %s: %w", name, err)
	}
	return tc, identityOf(tc.ConnectionState(), !m.cfg.Insecure), nil
}

// watchInterval is how often the files of certificates are looked at.
const watchInterval = 30 * time.Second

// watchCertificates is a goroutine. Run starts it; it ends with the context. It
// takes up renewed certificates and keeps the old ones where the new are broken.
func (t *Transport) watchCertificates(ctx context.Context) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			t.reloadCertificates()
		}
	}
}

func (t *Transport) reloadCertificates() {
	for name, p := range *t.profiles.Load() {
		switch changed, err := p.reload(); {
		case err != nil:
			t.count.inc(countReloadFailed)
			t.log.Error("certificate not reloaded; the old one stays in force", "profile", name, "err", err)
		case changed:
			t.count.inc(countReloaded)
			t.log.Info("certificate reloaded", "profile", name)
		}
	}
}
