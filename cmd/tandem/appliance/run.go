package appliance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// clock is the time the appliance goes by where no room gives it one.
func clock() time.Time { return time.Now() }

// A part is a room that runs.
type part struct {
	name string
	run  func(context.Context) error
}

// layers are the parts in the order they start. Each layer is stopped after the
// one above it has ended, so that a BYE still finds a socket and a record its
// store.
func (a *Appliance) layers() [][]part {
	var records []part
	if a.store != nil {
		records = append(records, part{"record", a.store.Run})
	}
	return [][]part{
		records,
		{{"media", a.pool.Run}},
		{
			{"sip", a.ua.Run},
			{"sip/transport", func(ctx context.Context) error { return a.transport.Run(ctx, a.ua) }},
		},
		{
			{"trunk monitor", a.watch},
			{"alarms", func(ctx context.Context) error { return a.board.Run(ctx, a.snapshot, a.deps.Log) }},
			{"admin", a.admin.Run},
			{"idle memory", a.giveBack},
		},
		{{"calls", a.b2bua.Run}},
	}
}

// watch runs the trunk monitor from when it can look trunks up.
func (a *Appliance) watch(ctx context.Context) error {
	select {
	case <-a.transport.Up():
		return a.monitor.Run(ctx)
	case <-ctx.Done():
		return nil
	}
}

// Run runs the rooms until ctx is done, then drains: new calls are refused with
// 503, those in progress may go on for the configured grace, the rest are
// released. It returns when every goroutine it started has ended; the error is
// that of a room that could not go on, nil after an orderly stop. Call it once.
func (a *Appliance) Run(ctx context.Context) error {
	a.deps.Log.Info("started", "version", a.deps.Version)
	err := a.runLayers(ctx, a.layers())
	a.mu.Lock()
	a.endSelfTest(a.test)
	a.mu.Unlock()
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
	}
	if err == nil {
		a.deps.Log.Info("stopped")
	}
	return err
}

// runLayers runs the parts of each layer, a goroutine each, until ctx is done or
// one of them ends by itself; then it ends the layers from the top down.
func (a *Appliance) runLayers(ctx context.Context, layers [][]part) error {
	down, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ends := make([]func(), len(layers))
	for i, layer := range layers {
		own, end := context.WithCancel(context.WithoutCancel(ctx))
		var wg sync.WaitGroup
		for _, p := range layer {
			wg.Go(func() {
				err := p.run(own)
				if own.Err() == nil {
					stop(fmt.Errorf("%s ended: %w", p.name, cmpErr(err)))
				} else if err != nil {
					stop(fmt.Errorf("%s: %w", p.name, err))
				}
			})
		}
		ends[i] = func() {
			end()
			wg.Wait()
		}
	}
	close(a.up)
	<-down.Done()
	for i := range ends {
		ends[len(ends)-1-i]()
	}
	if err := context.Cause(down); ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}

// errEnded says that a part ended that should run as long as the process.
var errEnded = errors.New("without an error, though nobody stopped it")

func cmpErr(err error) error {
	if err == nil {
		return errEnded
	}
	return err
}
