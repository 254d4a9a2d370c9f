//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A browser is headless Chromium with JsSIP in a page, which does what the test
// tells it and reports what happens.
type browser struct {
	g      *gateway
	orders chan map[string]any

	mu     sync.Mutex
	events []browserEvent
}

type browserEvent struct {
	Type string `json:"type"`
	Data struct {
		Status int     `json:"status"`
		Cause  string  `json:"cause"`
		M      string  `json:"m"`
		RMS    float64 `json:"rms"`
		Hz     float64 `json:"hz"`
	} `json:"data"`
	At int64 `json:"at"`
}

// browser opens the page, with the wave file as its microphone.
func (g *gateway) browser(microphone string) *browser {
	g.t.Helper()
	script := os.Getenv("JSSIP_FILE")
	if script == "" {
		g.t.Fatal("JSSIP_FILE does not name the bundled JsSIP: run `make interop`")
	}
	b := &browser{g: g, orders: make(chan map[string]any, 8)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "testdata/phone.html") })
	mux.HandleFunc("GET /jssip.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, script) })
	mux.HandleFunc("GET /next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case o := <-b.orders:
			_ = json.NewEncoder(w).Encode(o)
		case <-time.After(2 * time.Second):
			w.WriteHeader(http.StatusNoContent)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /event", func(_ http.ResponseWriter, r *http.Request) {
		var e browserEvent
		if json.NewDecoder(r.Body).Decode(&e) == nil {
			b.mu.Lock()
			b.events = append(b.events, e)
			b.mu.Unlock()
		}
	})
	ln, err := net.Listen("tcp", g.addr(20)+":8080")
	if err != nil {
		g.t.Fatal(err)
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	cmd := exec.Command("chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+g.t.TempDir(), "--autoplay-policy=no-user-gesture-required",
		"--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
		"--use-file-for-fake-audio-capture="+microphone, "--allow-loopback-in-peer-connection",
		"--ignore-certificate-errors", "--enable-logging=stderr", "--remote-debugging-port=0", "http://"+ln.Addr().String()+"/")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(filepath.Join(g.t.TempDir(), "chromium.log"))
	if err != nil {
		g.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		g.t.Fatalf("start Chromium (apt-get install chromium-headless-shell): %v", err)
	}
	g.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = srv.Close()
		log.Close()
		if g.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			g.t.Logf("Chromium said:\n%s\nthe page told: %+v", text[:min(len(text), 20000)], b.seen(""))
		}
	})
	b.wait("loaded")
	return b
}

// do gives the page an order.
func (b *browser) do(what string, args ...any) {
	o := map[string]any{"do": what}
	for i := 0; i+1 < len(args); i += 2 {
		o[fmt.Sprint(args[i])] = args[i+1]
	}
	b.orders <- o
}

// seen are the events of that type, all but what is heard for "".
func (b *browser) seen(kind string) []browserEvent {
	b.mu.Lock()
	defer b.mu.Unlock()
	var got []browserEvent
	for _, e := range b.events {
		if e.Type == kind || kind == "" && e.Type != "heard" {
			got = append(got, e)
		}
	}
	return got
}

func (b *browser) wait(kind string) browserEvent {
	b.g.t.Helper()
	b.g.eventually(20*time.Second, "the browser to say "+kind, func() bool {
		if e := b.seen("error"); len(e) > 0 {
			b.g.t.Fatalf("the page failed: %s", e[0].Data.M)
		}
		return len(b.seen(kind)) > 0
	})
	return b.seen(kind)[0]
}

// digits are those that the page was told of.
func (b *browser) digits() string {
	var keys strings.Builder
	for _, e := range b.seen("digit") {
		keys.WriteString(e.Data.M)
	}
	return keys.String()
}

// hears waits until the page hears a tone of that frequency.
func (b *browser) hears(hz float64) browserEvent {
	b.g.t.Helper()
	var at browserEvent
	b.g.eventually(10*time.Second, fmt.Sprintf("the browser to hear %v Hz", hz), func() bool {
		for _, e := range b.seen("heard") {
			if e.Data.Hz > hz-25 && e.Data.Hz < hz+25 {
				at = e
				return true
			}
		}
		return false
	})
	return at
}

// microphone writes a wave file of a tone for the browser's microphone.
func microphone(t *testing.T, hz float64) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "microphone.wav")
	out, err := exec.Command("sox", "-n", "-r", "48000", "-c", "1", file, "synth", "30", "sine", fmt.Sprint(hz), "gain", "-9").CombinedOutput()
	if err != nil {
		t.Fatalf("make a tone: %v: %s", err, out)
	}
	return file
}

// web is the trunk of the browsers of a test, whose digits are of that kind.
func web(transport, digits string) trunk {
	return trunk{"web", 0, "peer: {listener: web, transport: " + transport + "}\nphones: {enabled: true}\n" +
		"media: {codecs: [opus, PCMU], ice: lite, mux: required, dtmf: " + digits + "}\nsecurity: {srtp: required, keys: dtls}"}
}

const webRoutes = `
- name: out
  match: {trunks: [web]}
  targets: [{trunk: east}]
- name: in
  match: {trunks: [east]}
  targets: [{trunk: web}]
`

// startWeb is a gateway with a WebSocket listener, secure or not.
func startWeb(t *testing.T, transport, digits string) (*gateway, string) {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=tandem").CombinedOutput(); err != nil {
		t.Fatalf("make a certificate: %v: %s", err, out)
	}
	extra := fmt.Sprintf("    - {name: web, transport: %s, address: \"NET.1:8443\", origins: [\"*\"]}\n", transport) +
		fmt.Sprintf("  profiles: [{name: default, certificate: %q, key: %q}]\n", cert, key)
	g := startWith(t, webRoutes, extra, "", web(transport, digits), east("media: {codecs: [PCMU]}"))
	return g, transport + "://" + g.addr(1) + ":8443"
}

// A browser phone calls a carrier: early media is heard before the answer, then
// speech passes both ways and digits reach the carrier; the carrier hangs up.
func TestBrowserCallsCarrier(t *testing.T) {
	for _, transport := range []string{"wss", "ws"} {
		t.Run(transport, func(t *testing.T) {
			g, url := startWeb(t, transport, "rfc4733")
			carrier, audio := g.phone(12), g.stream(12, pcmu())
			b := g.browser(microphone(t, 700))
			b.do("start", "ws", url, "uri", "sip:browser@tandem.invalid")
			b.wait("connected")
			b.do("call", "to", "sip:+15550100@tandem.invalid")
			call := carrier.incoming()
			audio.meet(call.invite.body)
			call.reply(call.invite, "183 Session Progress", audio.sdp())
			audio.talk(tone(1004, 20*time.Second))
			early := b.hears(1004)
			if len(b.seen("accepted")) != 0 {
				t.Error("the tone was heard after the answer only")
			}
			call.accept(audio.sdp())
			answered := b.wait("confirmed")
			t.Logf("early media was heard %d ms before the answer", answered.At-early.At)
			b.do("digits", "keys", "12#", "how", "RFC2833")
			time.Sleep(3 * time.Second)
			if got := audio.digits(); got != "12#" {
				t.Errorf("the carrier was sent digits %q, want 12#", got)
			}
			if db := level(last(audio.heard(), 8000), 700); db < -30 {
				t.Errorf("the carrier hears the browser at %.1f dB", db)
			}
			call.bye()
			b.wait("ended")
			g.idle()
		})
	}
}

// A carrier calls a browser phone, which has registered; both hear each other,
// digits pass both ways, by INFO at the browser, which tells a page of no others,
// and the browser hangs up.
func TestCarrierCallsBrowser(t *testing.T) {
	g, url := startWeb(t, "wss", "info_relay")
	carrier, audio := g.phone(12), g.stream(12, pcmu())
	b := g.browser(microphone(t, 700))
	b.do("start", "ws", url, "uri", "sip:+15550300@tandem.invalid", "register", true)
	b.wait("registered")
	call := carrier.call("+15550300", audio.sdp())
	b.wait("incoming")
	b.do("answer")
	audio.meet(call.answered())
	audio.talk(tone(1004, 20*time.Second))
	b.hears(1004)
	time.Sleep(2 * time.Second)
	if db := level(last(audio.heard(), 8000), 700); db < -30 {
		t.Errorf("the carrier hears the browser at %.1f dB", db)
	}
	audio.quiet()
	audio.press("159")
	g.eventually(10*time.Second, "the browser to be told 159", func() bool { return b.digits() == "159" })
	b.do("digits", "keys", "12#", "how", "INFO")
	g.eventually(10*time.Second, "the carrier to be sent 12#", func() bool { return audio.digits() == "12#" })
	b.do("hangup")
	call.hungUp()
	g.idle()
}

// last is the end of a recording.
func last(pcm []int16, n int) []int16 { return pcm[max(0, len(pcm)-n):] }
