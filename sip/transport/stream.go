package transport

import "time"

func (t *Transport) sendStream(now time.Time, o Outbound) error { return ErrNoListener }
