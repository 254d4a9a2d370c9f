package transport

import "log/slog"

// orReal puts the real network in place of what is nil.
func (d Deps) orReal() Deps {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.ListenPacket == nil {
		d.ListenPacket = listenPacket
	}
	if d.Listen == nil {
		d.Listen = listen
	}
	if d.Dial == nil {
		d.Dial = dial
	}
	if d.Query == nil {
		d.Query = query
	}
	return d
}
