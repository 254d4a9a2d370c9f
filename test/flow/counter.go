package flow

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// adminToken opens the admin API of the gateway under test.
const adminToken = "the-token-of-the-flows"

// adminAt is where the admin API is served.
func (f *flow) adminAt() netip.AddrPort { return netip.AddrPortFrom(f.v4, 8060) }

// counter: counter NAME[{label="value"}] is N | at least N | is not N. Without
// labels it is the sum over all of them.
func (f *flow) counter(a *args, _ string) error {
	name := a.next()
	how := a.next()
	if how == "at" {
		a.accept("least")
	}
	want, err := strconv.ParseFloat(a.next(), 64)
	if err != nil {
		return errors.New(`write "counter NAME is N" or "counter NAME at least N"`)
	}
	var got float64
	ok := f.wait(time.Second, func() bool {
		got, err = f.metric(name)
		return err == nil && (got == want || how == "at" && got >= want)
	})
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%s is %v", name, got)
	}
	return a.end()
}

// metric reads one metric from the admin API.
func (f *flow) metric(name string) (float64, error) {
	h, err := f.host(netip.MustParseAddr("192.0.2.254"))
	if err != nil {
		return 0, err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return h.Dial(ctx, netip.AddrPort{}, f.adminAt())
		},
	}}
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, "http://"+f.adminAt().String()+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	r, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Body.Close() }()
	sum, found := 0.0, false
	for s := bufio.NewScanner(r.Body); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), " ")
		bare, _, _ := strings.Cut(key, "{")
		if key != name && bare != name {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.Text(), err)
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, fmt.Errorf("there is no metric %s (status %d)", name, r.StatusCode)
	}
	return sum, nil
}
