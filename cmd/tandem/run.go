package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandem-voip/tandem/cmd/tandem/appliance"
	"github.com/tandem-voip/tandem/config"
	"github.com/tandem-voip/tandem/sbc/admin"
)

// now is the time the command line goes by.
func now() time.Time { return time.Now() }

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Run the gateway with a configuration",
		Long: "Run the gateway with a configuration until SIGTERM or SIGINT, then let calls finish for call.grace;\n" +
			"a second signal ends them, a third the program at once. SIGHUP reads trunks, routes and limits again.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := cmd.Flags().GetString("config")
			if err != nil {
				return err
			}
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			return runConfig(cmd.Context(), cfg, file, w, func(a *appliance.Appliance) { greet(w, a) })
		},
	}
	addConfigFlag(cmd)
	// The flag was added on the line above, so that there is no error.
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// runDemo runs the demonstration and says what to dial. Its call records last as
// long as it does.
func runDemo(ctx context.Context, w io.Writer) (err error) {
	cfg, err := config.Demo()
	if err != nil {
		return err
	}
	if cfg.Records.Path == "" {
		dir, err := os.MkdirTemp("", "tandem-demo-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		cfg.Records.Path = filepath.Join(dir, "calls.db")
	}
	return runConfig(ctx, cfg, "", w, func(a *appliance.Appliance) {
		greet(w, a)
		invite(w)
	})
}

// runConfig builds the appliance and runs it until it is told to stop. file is
// read again on reload; empty for the demonstration. greeting is called when
// the appliance is up; w is told of a stop.
func runConfig(ctx context.Context, cfg config.Config, file string, w io.Writer, greeting func(*appliance.Appliance)) error {
	lines := newLogWriter(os.Stderr)
	defer lines.close()
	log := newLog(cfg.Log, lines)
	deps := appliance.System(log)
	deps.Version = version
	r := &reloader{file: file, log: log}
	if file != "" {
		deps.Reload = r.reload
	}
	a, err := appliance.New(cfg, deps)
	if err != nil {
		return err
	}
	r.apply = a.Reload
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	ended := make(chan struct{})
	wg.Go(func() { keepPace(cfg.Process, ended) })
	s := &stopper{w: w, calls: func() int { return len(a.Calls()) }, grace: a.Grace, stop: stop, halt: a.Halt, exit: func() { os.Exit(1) }}
	wg.Go(func() { heedSignals(s, r, ended) })
	wg.Go(func() {
		select {
		case <-a.Up():
			greeting(a)
		case <-ended:
		}
	})
	err = a.Run(ctx)
	close(ended)
	wg.Wait()
	return err
}

// heedSignals turns signals into a reload and the steps of a stop. It is started
// by runConfig and ends when the appliance has.
func heedSignals(s *stopper, r *reloader, ended <-chan struct{}) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	for {
		select {
		case what := <-signals:
			if what == syscall.SIGHUP {
				_, _ = r.reload() // it was logged
				continue
			}
			s.ask()
		case <-ended:
			return
		}
	}
}

// A reloader reads the file again, one at a time.
type reloader struct {
	file  string
	apply func(config.Config) (admin.Reloaded, error)
	log   *slog.Logger
	mu    sync.Mutex
}

// reload applies the file as it is now. A file that is wrong changes nothing.
func (r *reloader) reload() (admin.Reloaded, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == "" {
		r.log.Warn("nothing to reload: the built-in configuration is in use")
		return admin.Reloaded{}, errors.New("nothing to reload: the built-in configuration is in use")
	}
	var out admin.Reloaded
	cfg, err := config.Load(r.file)
	if err == nil {
		out, err = r.apply(cfg)
	}
	if err != nil {
		r.log.Error("configuration not reloaded: the one in force stays", "file", r.file, "err", err)
		return admin.Reloaded{}, err
	}
	r.log.Info("configuration reloaded", "file", r.file, "applied", out.Applied)
	return out, nil
}
