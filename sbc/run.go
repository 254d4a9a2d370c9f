package sbc

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tandem-voip/tandem/sip"
)

// Run keeps the calls going until ctx is done. Then it drains: new calls get
// 503, those in progress may go on for the configured grace, the rest are
// released. It returns when all goroutines of calls have ended and the records
// are written, or cannot be. Call it once.
func (b *B2BUA) Run(ctx context.Context) error {
	var writer sync.WaitGroup
	records, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if b.writer != nil {
		writer.Go(func() { b.records.run(records, b.writer, b.log) })
	}
	<-ctx.Done()
	b.Drain()
	b.waitCalls(b.cfg().Grace)
	close(b.halt)
	b.group.Wait()
	stop()
	writer.Wait()
	return nil
}

// drainPoll is how often a drain looks whether calls are left.
const drainPoll = 100 * time.Millisecond

// waitCalls returns when no call is left, after grace or Halt at the latest.
func (b *B2BUA) waitCalls(grace time.Duration) {
	end := time.NewTimer(grace)
	defer end.Stop()
	look := time.NewTicker(drainPoll)
	defer look.Stop()
	for b.Stats().Up > 0 {
		select {
		case <-look.C:
		case <-end.C:
			return
		case <-b.hurry:
			return
		}
	}
}

// begin starts the goroutine of a call. Serve calls it; the goroutine ends when
// all legs of the call have.
func (b *B2BUA) begin(c *Call) {
	b.group.Go(func() {
		defer b.gone(c)
		defer c.rescue()
		c.run(b.halt)
	})
}

// run is the call's goroutine. B2BUA.Serve starts it; it ends when the legs have.
func (c *Call) run(halt <-chan struct{}) {
	c.step(time.Now(), input{kind: inputStart})
	c.goOn(halt)
}

// lastWords is how long the far ends have to answer once the gateway stops: a BYE
// is sent three times by then (RFC 3261 §17.1.2.2), and who has not heard it will
// see that the media is gone.
const lastWords = 2 * time.Second

// goOn makes a step for each input until the call is over, or the gateway has
// waited long enough for that.
func (c *Call) goOn(halt <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var gone <-chan time.Time
	for !c.over() {
		if d := c.deadline(); d.IsZero() {
			timer.Stop() // nothing due
		} else {
			timer.Reset(time.Until(d))
		}
		select {
		case in := <-c.inbox:
			c.step(time.Now(), in)
		case <-timer.C:
			c.step(time.Now(), input{kind: inputTick})
		case <-halt:
			halt = nil
			c.step(time.Now(), input{kind: inputHangup, order: &order{cause: c.stopping()}})
			patience := time.NewTimer(lastWords)
			defer patience.Stop()
			gone = patience.C
		case <-gone:
			c.log.Warn("call left with a far end that does not answer")
			return
		}
	}
}

// rescue ends a call in which something of ours went wrong, and only that call.
func (c *Call) rescue() {
	p := recover()
	if p == nil {
		return
	}
	c.b2b.count.panics.Add(1)
	c.log.Error("call ended by a fault", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("call not released after a fault", "panic", fmt.Sprint(p))
		}
	}()
	now := time.Now()
	c.ending = false
	c.end(now, sip.Refusal(500), byGateway)
	c.publish()
	c.goOn(c.b2b.halt)
}
