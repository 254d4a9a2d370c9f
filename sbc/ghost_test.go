package sbc

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A careless network loses and doubles messages either way.
type careless struct {
	bed *bed
	mu  sync.Mutex
	rnd *rand.Rand
}

// times is how often a message gets through: mostly once.
func (c *careless) times() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch n := c.rnd.IntN(100); {
	case n < 10:
		return 0
	case n < 20:
		return 2
	}
	return 1
}

// chance reports true so many times in a hundred.
func (c *careless) chance(percent int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rnd.IntN(100) < percent
}

// west lets west say something over the careless network.
func (c *careless) west(raw string) {
	for range c.times() {
		c.bed.say(west(), raw)
	}
}

// east does the same for east.
func (c *careless) east(raw string) {
	for range c.times() {
		c.bed.say(east(), raw)
	}
}

// hearEast lets east answer, refuse or ring for ever, by chance.
func (c *careless) hearEast(m message) {
	if c.times() == 0 {
		return
	}
	switch {
	case m.is("INVITE") && c.chance(20):
		c.east(m.reply(486, "e", ""))
	case m.is("INVITE"):
		c.east(m.reply(180, "e", ""))
		if c.chance(70) {
			c.east(m.reply(200, "e", description("192.0.2.20", "0", "PCMU/8000")))
		}
	case m.is("CANCEL"):
		c.east(m.reply(200, "e", ""))
		c.east(m.reply(487, "e", ""))
	case m.is("BYE"):
		c.east(m.reply(200, "e", ""))
	}
}

// hearWest lets west acknowledge, hang up and cancel, by chance.
func (c *careless) hearWest(m message) {
	if c.times() == 0 {
		return
	}
	switch {
	case m.is("180 INVITE") && c.chance(30):
		id := m.header("Call-ID")
		c.west(strings.Replace(strings.Replace(invitation(id, "+15550100"), "INVITE sip", "CANCEL sip", 1), "1 INVITE", "1 CANCEL", 1))
	case m.is("200 INVITE"):
		c.west(follow(m, "ACK", 1))
		if c.chance(60) {
			c.west(follow(m, "BYE", 2))
		}
	case m.is("BYE"):
		c.west(m.reply(200, "w", ""))
	}
}

// Whatever is lost, doubled or crossed, no call stays behind, no port and no
// leg: timers and silence end what messages did not.
func TestNoGhosts(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, g711Set(), "PCMU")
				c := &careless{bed: b, rnd: rand.New(rand.NewPCG(seed, 1))}
				b.hears(east(), c.hearEast)
				b.hears(west(), c.hearWest)
				const calls = 200
				for i := range calls {
					c.west(invitation(fmt.Sprint("call", i), "+15550100"))
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(20 * time.Minute)
				s := b.b.Stats()
				if s.Up != 0 || s.Panics != 0 || s.Calls == 0 {
					t.Errorf("%d calls are up of %d, %d panics", s.Up, s.Calls, s.Panics)
				}
				if n := b.b.pool.Stats(time.Now()).Used; n != 0 {
					t.Errorf("%d ports are in use", n)
				}
				if n := b.ua.Stats().Legs; n != 0 {
					t.Errorf("%d legs are left", n)
				}
				b.close()
				if uint64(len(b.records)) != s.Calls {
					t.Errorf("%d records of %d calls", len(b.records), s.Calls)
				}
			})
		})
	}
}
