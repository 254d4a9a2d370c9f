package config

import (
	"reflect"
	"testing"
	"time"
)

// The key of a field is its name in snake case, initialisms kept whole.
func TestKeyIsTheNameInSnakeCase(t *testing.T) {
	for name, want := range map[string]string{
		"Port": "port", "PortMin": "port_min", "RTPPort": "rtp_port", "MaxCPS": "max_cps", "CAFile": "ca_file",
		"OPTIONSInterval": "options_interval", "TrunkURIs": "trunk_uris", "URIsMax": "uris_max", "MinTTL": "min_ttl",
		"DNS": "dns", "IDs": "ids", "HTTPServer": "http_server",
	} {
		if got := snake(name); got != want {
			t.Errorf("snake(%q) = %q, want %q", name, got, want)
		}
	}
}

// What Text writes, the file reader reads back.
func TestDefaultsAreWrittenAsTheyAreRead(t *testing.T) {
	n := 0
	Walk(DefaultConfig(), func(f Field) {
		if f.Kind >= Texts || f.Secret() || f.Value.IsZero() {
			return
		}
		n++
		v, err := parse(f.Type, f.Text())
		if err != nil {
			t.Errorf("%s: %v", f.Key, err)
			return
		}
		if !reflect.DeepEqual(v.Interface(), f.Value.Interface()) {
			t.Errorf("%s: %q is read as %v", f.Key, f.Text(), v)
		}
	})
	if n < 10 {
		t.Errorf("only %d defaults were looked at", n)
	}
}

// No two keys share an environment variable.
func TestVariablesAreUnique(t *testing.T) {
	seen := map[string]string{}
	Walk(DefaultConfig(), func(f Field) {
		if f.Env == "" {
			return
		}
		if other := seen[f.Env]; other != "" {
			t.Errorf("%s sets %s and %s", f.Env, other, f.Key)
		}
		seen[f.Env] = f.Key
	})
	if seen["TANDEM_SIP_STREAMS_IDLE_TIMEOUT"] != "sip.streams.idle_timeout" {
		t.Error("the variable of sip.streams.idle_timeout is not what the manual says")
	}
}

// Durations are written without units that are zero.
func TestDurationsAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", time.Hour: "1h", 90 * time.Second: "1m30s", 20 * time.Millisecond: "20ms",
		10 * time.Second: "10s", time.Hour + time.Second: "1h0m1s",
	} {
		if got := duration(d); got != want {
			t.Errorf("duration(%d) = %q, want %q", d, got, want)
		}
	}
}
