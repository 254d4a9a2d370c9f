package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tandem-voip/tandem/codec/opus"
	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/sbc"
	"github.com/tandem-voip/tandem/sbc/admin"
	"github.com/tandem-voip/tandem/sbc/record"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// Config is the whole configuration: the sections of the rooms side by side.
// Trunks, Routes, Limits and Call, which are those of sbc, stand at the top.
type Config struct {
	// SIP is where and how SIP is spoken. Listeners need a restart.
	SIP transport.Config

	// UA is how the user agent behaves: timers and bounds. A change needs a
	// restart.
	UA sip.Config

	// Media is where RTP comes and goes, and whom it is taken from. A change
	// needs a restart.
	Media media.Config

	// Opus is how Opus is coded. A change needs a restart.
	Opus opus.Config

	sbc.Config

	// Records is where call records are kept. A change needs a restart.
	Records record.Config

	// Admin is how the process is seen and steered. A change needs a restart.
	Admin admin.Config

	// Log is what the process writes to standard error. A change needs a restart.
	Log Log

	// Process is how the program itself behaves. A change needs a restart.
	Process Process
}

// DefaultConfig returns the configuration of an empty file.
func DefaultConfig() Config {
	return Config{
		SIP:     transport.DefaultConfig(),
		UA:      sip.DefaultConfig(),
		Media:   media.DefaultConfig(),
		Opus:    opus.DefaultConfig(),
		Config:  sbc.DefaultConfig(),
		Records: record.DefaultConfig(),
		Admin:   admin.DefaultConfig(),
		Log:     Log{Level: slog.LevelInfo, Format: FormatText},
		Process: defaultProcess(),
	}
}

// Validate returns what is wrong, every finding of every room joined, each
// beginning with its key; nil when nothing is.
func (c Config) Validate() error {
	return errors.Join(
		within("sip", c.SIP.Validate()),
		within("ua", c.UA.Validate()),
		within("media", c.Media.Validate()),
		within("opus", c.Opus.Validate()),
		c.Config.Validate(),
		within("records", c.Records.Validate()),
		within("admin", c.Admin.Validate()),
		within("log", c.Log.Validate()),
		within("process", c.Process.Validate()),
	)
}

// within puts the key of a section before the keys in a room's findings, where
// the room did not do so itself.
func within(section string, err error) error {
	all := flatten(err)
	for i, e := range all {
		if !strings.HasPrefix(e.Error(), section+".") {
			all[i] = fmt.Errorf("%s.%w", section, e)
		}
	}
	return errors.Join(all...)
}
