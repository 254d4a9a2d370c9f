package selftest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/codec/opus"
	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/sbc/admin"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// The times of a test, which takes less than ten seconds in all.
const (
	testWithin  = 10 * time.Second
	toneLasts   = 2 * time.Second
	frequency   = 1004.0 // hertz
	digitLasts  = 80 * time.Millisecond
	digitWithin = time.Second
	missesMax   = 3 // digits that may not come before the rest is not tried
)

// errTimeout says that nothing came any more.
var errTimeout = errors.New("the test took more than ten seconds")

// An Order asks the gateway to let the two phones in. It returns where they call,
// and what asks to take them out again.
type Order func(admin.SelfTestRequest) (way admin.SelfTest, end func(), err error)

// Run calls through the gateway, let in by order, and measures. listen opens the
// sockets of the phones, nil those of the machine. The error says why there is no
// result.
func Run(ctx context.Context, listen Listen, order Order) (Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, testWithin, errTimeout)
	defer cancel()
	if listen == nil {
		listen = func(a netip.AddrPort) (transport.PacketConn, error) {
			return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(a))
		}
	}
	caller, err := newPhone(netip.AddrFrom4([4]byte{127, 0, 83, 1}), g711.PCMU(), rand.Reader, listen)
	if err != nil {
		return Result{}, fmt.Errorf("make calling phone: %w", err)
	}
	called, err := newPhone(netip.AddrFrom4([4]byte{127, 0, 83, 2}), opus.New(opus.DefaultConfig()), rand.Reader, listen)
	if err != nil {
		return Result{}, errors.Join(fmt.Errorf("make called phone: %w", err), caller.transport.Close())
	}
	way, leave, err := order(admin.SelfTestRequest{Caller: caller.listens().String(), Called: called.listens().String()})
	if err == nil {
		defer leave()
		err = errors.Join(caller.route(way), called.route(way))
	}
	if err != nil {
		return Result{}, errors.Join(err, caller.transport.Close(), called.transport.Close())
	}
	live, hangUp := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { called.run(live, "") })
	began := time.Now()
	wg.Go(func() { caller.run(live, way.Number) })
	r, err := measure(ctx, caller, called, began)
	hangUp()
	wg.Wait()
	return r, err
}

// route takes what the gateway says of the way to it.
func (p *phone) route(way admin.SelfTest) error {
	var err error
	if p.gateway, err = netip.ParseAddrPort(way.Gateway); err != nil {
		return fmt.Errorf("address of the gateway: %w", err)
	}
	if p.audio, err = netip.ParseAddr(way.Media); err != nil {
		return fmt.Errorf("media address of the gateway: %w", err)
	}
	return nil
}

// run is the goroutine of a phone: it calls a number, or waits for a call when
// there is none, and hangs up when ctx is done. Run starts it; it ends when the
// rooms of the phone have.
func (p *phone) run(ctx context.Context, number string) {
	rooms, end := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	for _, f := range []func(context.Context) error{
		p.pool.Run,
		p.ua.Run,
		func(ctx context.Context) error { return p.transport.Run(ctx, p.ua) },
	} {
		wg.Go(func() {
			if err := f(rooms); err != nil {
				p.say(err)
			}
		})
	}
	if err := p.call(ctx, number); err != nil {
		p.say(err)
	}
	if p.end != nil {
		p.end.Close(time.Now())
	}
	end()
	wg.Wait()
}

// hangUpWithin is how long the answer to a BYE is waited for.
const hangUpWithin = time.Second

// call is the life of the phone's one call.
func (p *phone) call(ctx context.Context, number string) error {
	if number == "" {
		select {
		case a := <-p.arrivals:
			if err := p.answer(time.Now(), a); err != nil {
				p.leg.Release(time.Now(), sip.Refusal(488))
				p.say(err)
			}
		case <-ctx.Done():
			return nil
		}
	} else if err := p.dial(time.Now(), number); err != nil {
		return err
	}
	done, last := ctx.Done(), time.Time{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case m := <-p.inbox:
			if !p.heed(time.Now(), p.leg.Receive(time.Now(), m)) {
				return nil
			}
		case <-timer.C:
			if !p.heed(time.Now(), p.leg.Advance(time.Now())) || !last.IsZero() && time.Now().After(last) {
				return nil
			}
		case <-done:
			done, last = nil, time.Now().Add(hangUpWithin)
			p.leg.Release(time.Now(), sip.Normal())
		}
		due := p.leg.Deadline()
		if !last.IsZero() && (due.IsZero() || due.After(last)) {
			due = last
		}
		if due.IsZero() {
			due = time.Now().Add(testWithin)
		}
		timer.Reset(time.Until(due))
	}
}

// measure waits for the call to be up, then lets each phone speak to the other.
func measure(ctx context.Context, caller, called *phone, began time.Time) (Result, error) {
	if err := caller.await(ctx); err != nil {
		return Result{}, fmt.Errorf("calling phone: %w", err)
	}
	setup := time.Since(began)
	if err := called.await(ctx); err != nil {
		return Result{}, fmt.Errorf("called phone: %w", err)
	}
	var (
		r    = Result{SetupMS: ms(setup)}
		errs [2]error
		wg   sync.WaitGroup
	)
	wg.Go(func() { r.ToCalled, errs[0] = speak(ctx, caller, called) })
	wg.Go(func() { r.ToCaller, errs[1] = speak(ctx, called, caller) })
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return Result{}, err
	}
	r.judge()
	return r, nil
}

// speak plays the tone from one phone to the other, then presses all digits.
func speak(ctx context.Context, from, to *phone) (Direction, error) {
	heard, err := tone(ctx, from, to)
	if err != nil {
		return Direction{}, err
	}
	var digits []dtmf.Digit
	for i, d := range digitsInTest {
		press := dtmf.Press{Digit: dtmf.Digit(d), Duration: digitLasts}
		if i-len(digits) > missesMax || !from.end.SendDigit(time.Now(), press) {
			break
		}
		if got, ok := to.digit(ctx, digitWithin); ok {
			digits = append(digits, got)
		}
	}
	for { // a digit that comes twice comes soon after
		got, ok := to.digit(ctx, 2*digitLasts)
		if !ok {
			break
		}
		digits = append(digits, got)
	}
	heard.Sent, heard.Heard = len(digitsInTest), len(digits)
	heard.wrong = !slices.Equal(digits, []dtmf.Digit(digitsInTest))
	return heard, context.Cause(ctx)
}

// digit waits for a digit.
func (p *phone) digit(ctx context.Context, within time.Duration) (dtmf.Digit, bool) {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case d := <-p.pressed:
		return d, true
	case <-t.C:
	case <-ctx.Done():
	}
	return 0, false
}

// tone plays the tone for a while and measures what comes of it.
func tone(ctx context.Context, from, to *phone) (Direction, error) {
	meter, err := media.NewMeter(to.codec, frequency)
	if err != nil {
		return Direction{}, err
	}
	player, err := media.NewPlayer(from.codec, media.Tone{Frequency: frequency}, from.end, from.random)
	if err != nil {
		return Direction{}, err
	}
	to.end.Connect(meter)
	// The packets keep their times: after a stall those that are late follow at
	// once, as they do from a phone with a clock of its own.
	began := time.Now()
	t := time.NewTimer(0)
	defer t.Stop()
	for i := range int(toneLasts / media.FrameDuration) {
		t.Reset(time.Until(began.Add(time.Duration(i) * media.FrameDuration)))
		select {
		case now := <-t.C:
			if err := player.Play(now); err != nil {
				return Direction{}, fmt.Errorf("play tone: %w", err)
			}
		case <-ctx.Done():
			return Direction{}, context.Cause(ctx)
		}
	}
	to.digit(ctx, 100*time.Millisecond) // the last packets are on their way
	to.end.Connect(nil)
	m := meter.Measured()
	d := Direction{Packets: m.Packets, Lost: m.Lost, Level: m.Level, JitterMS: ms(m.Jitter)}
	if !m.Began.IsZero() {
		d.DelayMS = ms(m.Began.Sub(began))
	}
	return d, nil
}
