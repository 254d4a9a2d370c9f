package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandem-voip/tandem/config/secret"
	"github.com/tandem-voip/tandem/sbc/admin"
)

// answerWithin bounds one request to the admin API, and maxAnswer its answer in
// bytes.
const (
	answerWithin = 30 * time.Second
	maxAnswer    = 256 << 20
)

// A client speaks to the admin API of a running process.
type client struct {
	http  http.Client
	base  string
	token secret.String
	where string // for people
}

// addClientFlags adds the flags that say which process is meant. Without them
// the variables of the admin section count, then the socket's usual place.
func addClientFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.String("socket", "", "admin socket of the running process (or TANDEM_ADMIN_SOCKET)")
	f.String("address", "", "admin address:port of the running process (or TANDEM_ADMIN_ADDRESS)")
	f.String("token-file", "", "file with the token for --address (or TANDEM_ADMIN_TOKEN_FILE, or the token in TANDEM_ADMIN_TOKEN)")
}

// newClient returns a client for what the flags and the environment say.
func newClient(cmd *cobra.Command) (*client, error) {
	flag := func(name, env string) string {
		if v, err := cmd.Flags().GetString(name); err == nil && v != "" {
			return v
		}
		return os.Getenv(env)
	}
	if address := flag("address", "TANDEM_ADMIN_ADDRESS"); address != "" && !cmd.Flags().Changed("socket") {
		token, err := clientToken(cmd)
		if err != nil {
			return nil, err
		}
		return &client{base: "http://" + address, token: token, where: address}, nil
	}
	socket := flag("socket", "TANDEM_ADMIN_SOCKET")
	if socket == "" {
		socket = admin.DefaultConfig().Socket
	}
	path := admin.SocketPath(socket, os.Getuid(), os.Getenv("XDG_RUNTIME_DIR"))
	c := &client{base: "http://tandem", where: path}
	c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
	return c, nil
}

// clientToken returns the token for the admin address, empty for none.
func clientToken(cmd *cobra.Command) (secret.String, error) {
	path, err := cmd.Flags().GetString("token-file")
	if err != nil || path == "" { // a command without the flag has no file
		path = os.Getenv("TANDEM_ADMIN_TOKEN_FILE")
	}
	if path == "" {
		return secret.New(os.Getenv("TANDEM_ADMIN_TOKEN")), nil
	}
	b, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return secret.String{}, fmt.Errorf("read token: %w", err)
	}
	return secret.New(strings.TrimSpace(string(b))), nil
}

// A refusal is an answer other than 2xx.
type refusal struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// Error is what the API said.
func (r *refusal) Error() string {
	var text strings.Builder
	text.WriteString(r.Detail)
	for _, e := range r.Errors {
		text.WriteString("\n  " + e.Location + ": " + e.Message)
	}
	return text.String()
}

// get asks for path with a query and reads the answer into out.
func (c *client) get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.do(ctx, http.MethodGet, path, nil, out)
}

// do sends a request. in is its body, nil for none; out may be nil.
func (c *client) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var send io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		send = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, send)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if !c.token.Empty() {
		r.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return c.unreached(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	return c.read(answer, out)
}

// unreached says what to do when nobody answers.
func (c *client) unreached(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("no tandem answers at %s (%w): start one with \"tandem\" or \"tandem run -c FILE\", or say where it is with --socket or --address", c.where, op.Err)
	}
	return fmt.Errorf("ask tandem at %s: %w", c.where, err)
}

// read takes the answer apart. An unhealthy /healthz is an answer too.
func (c *client) read(answer *http.Response, out any) error {
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	_, health := out.(*admin.Health)
	if answer.StatusCode/100 != 2 && !(health && answer.StatusCode == http.StatusServiceUnavailable) {
		r := &refusal{}
		if json.Unmarshal(b, r) != nil || r.Detail == "" {
			r.Status, r.Detail = answer.StatusCode, strings.TrimSpace(answer.Status+" "+string(b))
		}
		return r
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}
