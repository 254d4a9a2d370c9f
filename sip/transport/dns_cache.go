package transport

import (
	"errors"
	"time"
)

// A cache keeps answers for their time, and the last good ones somewhat longer
// for when the servers are silent. Core.
//
// RFC 2308; RFC 8767 §4 and §5.
type cache struct {
	cfg     DNSConfig
	entries map[question]*entry
	down    bool // the last question asked got no answer
}

type entry struct {
	records
	good    bool      // there has been an answer
	expires time.Time // of the answer
	hold    time.Time // until then the servers are not asked again
	err     error     // why they are not
}

// holdOff is how long a question that failed is not asked again: calls meanwhile
// get the stale answer, or the error, at once.
const holdOff = 5 * time.Second

// errStale marks an answer that is older than it should be.
var errStale = errors.New("servers do not answer, using the last answer")

// A knowledge is what a cache says of a question.
type knowledge uint8

const (
	unknown knowledge = iota // ask, and wait for the answer
	known                    // use it
	aging                    // use it, and ask meanwhile
)

func newCache(cfg DNSConfig) *cache {
	return &cache{cfg: cfg, entries: map[question]*entry{}}
}

// get returns what is known, with errStale a stale answer, or the error of the
// last try. While the servers do not answer nobody waits for one who has an old
// answer.
func (c *cache) get(now time.Time, q question) (knowledge, records, error) {
	e := c.entries[q]
	switch {
	case e == nil:
		return unknown, records{}, nil
	case e.good && now.Before(e.expires):
		return known, e.records, nil
	}
	r, err := c.old(now, e)
	switch {
	case now.Before(e.hold):
		return known, r, err
	case c.down && errors.Is(err, errStale):
		return aging, r, err
	}
	return unknown, records{}, nil
}

// old is the last good answer while it may still be used, else the error.
func (c *cache) old(now time.Time, e *entry) (records, error) {
	if e.good && now.Before(e.expires.Add(c.cfg.Stale)) {
		return e.records, errStale
	}
	return records{}, e.err
}

// put keeps a fresh answer.
func (c *cache) put(now time.Time, q question, r records) {
	ttl := min(max(r.ttl, c.cfg.MinTTL), c.cfg.MaxTTL)
	c.down = false
	c.room(now, q)
	c.entries[q] = &entry{records: r, good: true, expires: now.Add(ttl)}
}

// fail notes that the servers did not answer and returns what to do without them.
func (c *cache) fail(now time.Time, q question, err error) (records, error) {
	c.down = true
	e := c.entries[q]
	if e == nil {
		c.room(now, q)
		e = &entry{}
		c.entries[q] = e
	}
	e.hold, e.err = now.Add(holdOff), err
	return c.old(now, e)
}

// room makes place for one more: what is of no more use goes first, else any.
func (c *cache) room(now time.Time, q question) {
	if _, there := c.entries[q]; there || len(c.entries) < c.cfg.Names {
		return
	}
	for k, e := range c.entries {
		if !now.Before(e.expires.Add(c.cfg.Stale)) && !now.Before(e.hold) {
			delete(c.entries, k)
		}
	}
	for k := range c.entries {
		if len(c.entries) < c.cfg.Names {
			return
		}
		delete(c.entries, k)
	}
}
