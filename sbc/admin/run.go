package admin

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// shutdownWithin is how long answers under way may take when the server ends.
const shutdownWithin = 2 * time.Second

// clock is the time handlers go by.
func clock() time.Time { return time.Now() }

// Run serves until ctx is done and returns when every goroutine it started has
// ended. One goroutine accepts on each listener; net/http has one a connection.
func (s *Server) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(s.doors))
	for i, d := range s.doors {
		wg.Go(func() {
			if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
				errs[i] = err
			}
		})
	}
	<-ctx.Done()
	s.shutdown(context.WithoutCancel(ctx))
	wg.Wait()
	return errors.Join(errs...)
}

// shutdown lets answers under way finish, then closes.
func (s *Server) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, shutdownWithin)
	defer cancel()
	for _, d := range s.doors {
		if d.server.Shutdown(ctx) != nil {
			_ = d.server.Close() // who did not finish in time is cut off
		}
	}
}
