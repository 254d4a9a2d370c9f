package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// No way of printing shows the text, alone or inside another value.
func TestSecretDoesNotPrint(t *testing.T) {
	s := New("hunter2")
	type trunk struct{ Password String }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{s, &s, trunk{s}, []String{s}, map[string]String{"k": s}} {
			got := fmt.Sprintf(verb, v)
			if strings.Contains(got, "hunter2") || strings.Contains(strings.ToLower(got), "68756e74657232") {
				t.Errorf("Sprintf(%q, %T) shows the text: %s", verb, v, got)
			}
		}
	}
}

// Encoders and loggers write three stars.
func TestSecretIsMaskedInLogsAndJSON(t *testing.T) {
	s := New("hunter2")
	b, err := json.Marshal(struct{ Token String }{s})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("started", "token", s)
	for _, got := range []string{string(b), log.String()} {
		if strings.Contains(got, "hunter2") || !strings.Contains(got, "***") {
			t.Errorf("written as %s", got)
		}
	}
}

// Reveal and UnmarshalText are the way out and the way in.
func TestSecretIsReadAndRevealed(t *testing.T) {
	var s String
	if !s.Empty() || s.String() != "" {
		t.Error("the zero value is not the empty secret")
	}
	if err := s.UnmarshalText([]byte("hunter2")); err != nil {
		t.Fatal(err)
	}
	if s.Reveal() != "hunter2" || s.Empty() || s != New("hunter2") {
		t.Error("the text was not kept")
	}
	if !s.Equal("hunter2") || s.Equal("hunter") || s.Equal("") {
		t.Error("Equal compares wrongly")
	}
}
