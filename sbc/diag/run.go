package diag

import (
	"context"
	"log/slog"
	"time"
)

// lookEvery is how often the board looks.
const lookEvery = 5 * time.Second

// Run looks at what source returns every few seconds and logs alarms as they
// come and go, until ctx is done. It is the board's goroutine.
func (b *Board) Run(ctx context.Context, source func() Snapshot, log *slog.Logger) error {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		_, came, went := b.Update(time.Now(), source())
		for _, a := range came {
			log.Warn("alarm", "name", a.Name, "text", a.Text)
		}
		for _, a := range went {
			log.Info("alarm over", "name", a.Name)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}
