//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A baresip is a softphone on one host of a test's network. It speaks a
// sentence, records what it hears, and is steered through its control port. Its
// RTP comes from 127.0.0.1 whatever it signals, as that of a phone behind NAT.
type baresip struct {
	g    *gateway
	host string
	dir  string
	conn net.Conn
	said string // the file it speaks

	mu     sync.Mutex
	events []map[string]any
}

// baresip starts one that is number@host, answering calls in that mode
// (manual, early or auto), with further account parameters.
func (g *gateway) baresip(n int, number, mode, account string) *baresip {
	g.t.Helper()
	p := &baresip{g: g, host: g.addr(n), dir: g.t.TempDir()}
	p.said = filepath.Join(p.dir, "says.wav")
	text := "The quick brown fox jumps over the lazy dog, and nobody on this line has missed a word of it so far. It goes on for a while."
	spoken, rate, channels := filepath.Join(p.dir, "spoken.wav"), "8000", "1"
	if strings.Contains(account, "opus") {
		rate, channels = "48000", "2" // it plays a file that is as the codec or not at all
	}
	for _, c := range []*exec.Cmd{
		exec.Command("espeak-ng", "-w", spoken, text),
		exec.Command("sox", spoken, "-r", rate, "-c", channels, p.said, "norm", "-6", "repeat", "5"),
	} {
		if out, err := c.CombinedOutput(); err != nil {
			g.t.Fatalf("%v: %v: %s", c.Args, err, out)
		}
	}
	config := fmt.Sprintf(`poll_method epoll
sip_listen %[1]s:5060
net_interface %[1]s
audio_player aufile,nil
audio_source aufile,%[2]s
audio_alert aufile,nil
audio_level no
rtp_ports 7000-7999
module_path /usr/lib/baresip/modules
module g711.so
module opus.so
module aufile.so
module srtp.so
module dtls_srtp.so
module sndfile.so
snd_path %[3]s
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen %[1]s:4444
`, p.host, p.said, p.dir)
	for name, text := range map[string]string{
		"config": config, "contacts": "\n",
		"accounts": fmt.Sprintf("<sip:%s@%s:5060>;regint=0;answermode=%s;%s\n", number, p.host, mode, account),
	} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			g.t.Fatal(err)
		}
	}
	p.start()
	return p
}

func (p *baresip) start() {
	t := p.g.t
	t.Helper()
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("baresip", "-f", p.dir)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start baresip (apt-get install baresip-core): %v", err)
	}
	t.Cleanup(func() {
		if p.conn != nil {
			p.conn.Close()
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		log.Close()
		if t.Failed() {
			said, _ := os.ReadFile(log.Name())
			t.Logf("baresip at %s said:\n%s", p.host, said)
		}
	})
	p.g.eventually(10*time.Second, "baresip", func() bool {
		p.conn, err = net.Dial("tcp", p.host+":4444")
		return err == nil
	})
	go p.listen()
}

// listen reads netstrings of JSON until the connection ends.
func (p *baresip) listen() {
	var buf []byte
	for chunk := make([]byte, 4096); ; {
		n, err := p.conn.Read(chunk)
		if err != nil {
			return
		}
		buf = append(buf, chunk[:n]...)
		for {
			size, rest, ok := strings.Cut(string(buf), ":")
			length, err := strconv.Atoi(size)
			if !ok || err != nil || len(rest) < length+1 {
				break
			}
			var event map[string]any
			_ = json.Unmarshal([]byte(rest[:length]), &event)
			p.mu.Lock()
			p.events = append(p.events, event)
			p.mu.Unlock()
			buf = []byte(rest[length+1:])
		}
	}
}

func (p *baresip) command(name, params string) {
	p.g.t.Helper()
	b, err := json.Marshal(map[string]string{"command": name, "params": params, "token": name})
	if err == nil {
		_, err = fmt.Fprintf(p.conn, "%d:%s,", len(b), b)
	}
	if err != nil {
		p.g.t.Fatal(err)
	}
}

// saw counts the events of that type.
func (p *baresip) saw(kind string) []map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	var got []map[string]any
	for _, e := range p.events {
		if e["type"] == kind {
			got = append(got, e)
		}
	}
	return got
}

func (p *baresip) wait(kind string) {
	p.g.t.Helper()
	p.g.eventually(10*time.Second, "baresip to say "+kind, func() bool { return len(p.saw(kind)) > 0 })
}

// keys are the digits that the phone was sent.
func (p *baresip) keys() string {
	var keys strings.Builder
	for _, e := range p.saw("CALL_DTMF_START") {
		keys.WriteString(fmt.Sprint(e["param"]))
	}
	return keys.String()
}

// heard is what the phone recorded, at 8 kHz.
func (p *baresip) heard() []int16 {
	p.g.t.Helper()
	files, _ := filepath.Glob(filepath.Join(p.dir, "dump-*-dec.wav"))
	if len(files) == 0 {
		p.g.t.Fatal("baresip recorded nothing")
	}
	return samples(p.g.t, files[len(files)-1])
}

// samples reads a recording as 8 kHz.
func samples(t *testing.T, file string) []int16 {
	t.Helper()
	out, err := exec.Command("sox", "--ignore-length", file, "-r", "8000", "-c", "1", "-b", "16", "-e", "signed-integer", "-t", "raw", "-").Output()
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	pcm := make([]int16, len(out)/2)
	for i := range pcm {
		pcm[i] = int16(uint16(out[2*i]) | uint16(out[2*i+1])<<8)
	}
	return pcm
}

// Two baresips talk through the gateway, plain, with SDES and with DTLS-SRTP, and
// each to one with another kind of keys: speech and digits pass both ways.
func TestBaresip(t *testing.T) {
	const (
		plain = "security: {srtp: \"off\"}"
		sdes  = "security: {srtp: required, keys: sdes, clear_keys: true}"
		dtls  = "security: {srtp: required, keys: dtls}"
	)
	enc := map[string]string{plain: "", sdes: "mediaenc=srtp-mand;", dtls: "mediaenc=dtls_srtp;"}
	for _, tt := range []struct{ name, a, b, codecA, codecB string }{
		{"plain", plain, plain, "PCMU", "PCMU"},
		{"plain, PCMU to Opus", plain, plain, "PCMU", "opus"},
		{"SDES both", sdes, sdes, "PCMA", "PCMA"},
		{"DTLS both", dtls, dtls, "PCMU", "PCMU"},
		{"SDES to DTLS", sdes, dtls, "PCMU", "PCMA"},
		{"DTLS to plain, Opus", dtls, plain, "opus", "PCMU"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys := func(security, c string) string {
				return security + "\nmedia: {latch: nat, codecs: [" + c + "]}"
			}
			account := func(security, c string) string {
				full := map[string]string{"PCMU": "PCMU/8000/1", "PCMA": "PCMA/8000/1", "opus": "opus/48000/2"}[c]
				return enc[security] + "audio_codecs=" + full
			}
			g := start(t, toEast, "", west(keys(tt.a, tt.codecA)), east(keys(tt.b, tt.codecB)))
			b := g.baresip(12, "+15550100", "auto", account(tt.b, tt.codecB))
			a := g.baresip(11, "+15550199", "manual", account(tt.a, tt.codecA))
			a.command("dial", "sip:+15550100@"+g.sip())
			a.wait("CALL_ESTABLISHED")
			b.wait("CALL_ESTABLISHED")
			time.Sleep(time.Second)
			for _, p := range []*baresip{a, b} {
				for _, k := range []string{"1", "2", "#"} {
					p.command("sndcode", k)
					time.Sleep(300 * time.Millisecond)
				}
			}
			time.Sleep(5 * time.Second)
			a.command("hangup", "")
			b.wait("CALL_CLOSED")
			g.idle()
			for name, p := range map[string]*baresip{"caller": a, "called": b} {
				if got := p.keys(); got != "12#" {
					t.Errorf("the %s was sent digits %q, want 12#", name, got)
				}
				like := likeness(p.heard(), samples(t, p.said))
				t.Logf("%s: envelopes agree to %.3f", name, like)
				if like < 0.85 {
					t.Errorf("what the %s heard follows what was said to %.3f only", name, like)
				}
			}
		})
	}
}
