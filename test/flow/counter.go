package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/sbc/admin"
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

// admin asks the admin API.
func (f *flow) admin(path string) (status int, body []byte, err error) {
	h, err := f.host(netip.MustParseAddr("192.0.2.254"))
	if err != nil {
		return 0, nil, err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return h.Dial(ctx, netip.AddrPort{}, f.adminAt())
		},
	}}
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, "http://"+f.adminAt().String()+path, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	r, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = r.Body.Close() }()
	body, err = io.ReadAll(r.Body)
	return r.StatusCode, body, err
}

// metric reads one metric from the admin API.
func (f *flow) metric(name string) (float64, error) {
	status, body, err := f.admin("/metrics")
	if err != nil {
		return 0, err
	}
	sum, found := 0.0, false
	for l := range strings.Lines(string(body)) {
		key, value, _ := strings.Cut(strings.TrimSpace(l), " ")
		bare, _, _ := strings.Cut(key, "{")
		if key != name && bare != name {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", l, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, fmt.Errorf("there is no metric %s (status %d)", name, status)
	}
	return sum, nil
}

// health: health TRUNK ITEM, ITEM... holds a trunk, as the admin API shows it, to
// what is said of it: up, down, tls X, ping X, overall X, registered X, reason X.
func (f *flow) health(a *args, _ string) error {
	name := a.next()
	var ws []string
	for len(a.ws) > 0 {
		ws = append(ws, a.next())
	}
	var why error
	f.wait(patience, func() bool {
		var t admin.Trunk
		if t, why = f.shown(name); why != nil {
			return false
		}
		for item := range strings.SplitSeq(strings.Join(ws, " "), ",") {
			if why = checkTrunk(t, strings.TrimSpace(item)); why != nil {
				return false
			}
		}
		return true
	})
	return why
}

// shown reads a trunk from the admin API.
func (f *flow) shown(name string) (admin.Trunk, error) {
	status, body, err := f.admin("/v1/trunks")
	if err != nil {
		return admin.Trunk{}, err
	}
	var list admin.TrunkList
	if err := json.Unmarshal(body, &list); err != nil {
		return admin.Trunk{}, fmt.Errorf("status %d: %w", status, err)
	}
	for _, t := range list.Trunks {
		if t.Name == name {
			return t, nil
		}
	}
	return admin.Trunk{}, fmt.Errorf("no trunk %q", name)
}

// checkTrunk holds a trunk to one item.
func checkTrunk(t admin.Trunk, item string) error {
	kind, want, _ := strings.Cut(item, " ")
	var got string
	switch kind {
	case "up", "down":
		if t.Up != (kind == "up") {
			return fmt.Errorf("%s: the trunk is not, its reason is %q", kind, t.Reason)
		}
		return nil
	case "tls":
		got = t.TLS
	case "ping":
		got = t.Ping
	case "overall":
		got = t.Overall
	case "registered":
		got = t.Registered
	case "reason":
		got = t.Reason
	default:
		return fmt.Errorf("a trunk has no %q", item)
	}
	if !matches(want, got) {
		return fmt.Errorf("%s: got %q", item, got)
	}
	return nil
}
