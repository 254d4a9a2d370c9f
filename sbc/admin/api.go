package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tandem-voip/tandem/sbc"
)

// The outputs of the operations: huma takes the body from the field.
type (
	body[T any] struct{ Body T }

	// CallList is the answer to GET /v1/calls.
	CallList struct {
		Calls []Call `json:"calls"`
	}
	// TrunkList is the answer to GET /v1/trunks.
	TrunkList struct {
		Trunks []Trunk `json:"trunks"`
	}
	// RecordList is the answer to GET /v1/records.
	RecordList struct {
		Records []Call `json:"records" doc:"The newest first"`
	}
	// ViewList is the answer to GET /v1/views.
	ViewList struct {
		Views []string `json:"views"`
	}
	healthBody struct {
		Status int
		Body   Health
	}
)

// The inputs of the operations.
type (
	callInput struct {
		ID string `path:"id" maxLength:"256" doc:"Of the call, or a Call-ID of either side"`
	}
	callsInput struct {
		Trunk string `query:"trunk" maxLength:"64" doc:"Only calls of this trunk, either side"`
	}
	transferInput struct {
		ID   string `path:"id" maxLength:"256" doc:"Of the call"`
		Body struct {
			Target string `json:"target" minLength:"1" maxLength:"256" pattern:"^[!-~]+$" doc:"Number the side is handed to"`
			Side   string `json:"side,omitempty" enum:"caller,called" default:"caller" doc:"Who is handed there; the other side is released"`
		}
	}
	digitsInput struct {
		ID   string `path:"id" maxLength:"256" doc:"Of the call"`
		Body struct {
			Digits string `json:"digits" minLength:"1" maxLength:"32" pattern:"^[0-9*#A-Da-d]+$" doc:"Keys, in order"`
			Side   string `json:"side,omitempty" enum:"caller,called" default:"called" doc:"Who gets them"`
		}
	}
	recordsInput struct {
		Since  time.Time `query:"since" doc:"The call began then or later"`
		Until  time.Time `query:"until" doc:"The call began before"`
		Trunk  string    `query:"trunk" maxLength:"64" doc:"Of either side"`
		Number string    `query:"number" maxLength:"256" doc:"Of either side, as it came"`
		Call   string    `query:"call" maxLength:"256" doc:"Our id, or a Call-ID of either side"`
		Status int       `query:"status" minimum:"0" maximum:"699" doc:"Exactly this SIP status"`
		Failed bool      `query:"failed" doc:"Only calls that were not answered"`
		Limit  int       `query:"limit" minimum:"0" maximum:"10000" doc:"At most so many; 0 means 100"`
	}
	viewInput struct {
		Name string `path:"name" maxLength:"64"`
	}
	selfTestInput struct{ Body SelfTestRequest }
	endTestInput  struct {
		Caller string `query:"caller" required:"true" maxLength:"64" doc:"Address and port of the calling phone"`
	}
	empty struct{}
)

// newAPI returns the handler of all operations. now is the clock.
func newAPI(d Deps, version string, now func() time.Time) http.Handler {
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("Tandem admin API", version)
	cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks = "", "", nil // a document, no page
	cfg.RejectUnknownQueryParameters = true
	h := &handlers{deps: d, now: now}
	api := humago.New(mux, cfg)
	h.callOperations(api)
	h.otherOperations(api)
	if d.Metrics != nil {
		mux.Handle("GET /metrics", d.Metrics)
		metrics := operation(http.MethodGet, "/metrics", "metrics", "What is counted, in the text format of Prometheus")
		metrics.Responses = map[string]*huma.Response{"200": {
			Description: "OK", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}}
		api.OpenAPI().AddOperation(&metrics)
	}
	return mux
}

// handlers answers the operations. Safe for concurrent use.
type handlers struct {
	deps Deps
	now  func() time.Time
}

func (h *handlers) callOperations(api huma.API) {
	huma.Register(api, operation(http.MethodGet, "/v1/calls", "list-calls", "Calls in progress, the oldest first"), h.calls)
	huma.Register(api, operation(http.MethodGet, "/v1/calls/{id}", "get-call", "One call with its timeline"), h.call)
	huma.Register(api, operation(http.MethodDelete, "/v1/calls/{id}", "hang-up", "End a call"), h.hangup)
	huma.Register(api, operation(http.MethodPost, "/v1/calls/{id}/transfer", "transfer", "Hand one side of an answered call to another number"), h.transfer)
	huma.Register(api, operation(http.MethodPost, "/v1/calls/{id}/digits", "send-digits", "Send digits to one side of a call, as its trunk takes them"), h.digits)
	huma.Register(api, operation(http.MethodGet, "/v1/records", "list-records", "Records of calls that are over"), h.records)
}

func (h *handlers) otherOperations(api huma.API) {
	huma.Register(api, operation(http.MethodGet, "/v1/trunks", "list-trunks", "Trunks and how they are"), h.trunks)
	huma.Register(api, operation(http.MethodPost, "/v1/reload", "reload", "Read the configuration again; 422 says what is wrong with it"), h.reload)
	huma.Register(api, operation(http.MethodPost, "/v1/selftest", "self-test", "Let two phones of this machine call through the gateway for a minute"), h.selfTest)
	huma.Register(api, operation(http.MethodDelete, "/v1/selftest", "end-self-test", "Take the two phones out before the minute is over"), h.endSelfTest)
	huma.Register(api, operation(http.MethodGet, "/v1/views", "list-views", "Names of what else can be seen"), h.views)
	huma.Register(api, operation(http.MethodGet, "/v1/views/{name}", "get-view", "What a room shows of itself"), h.view)
	huma.Register(api, operation(http.MethodGet, healthPath, "health", "Whether the appliance works; 503 if it does not. Without the token: that it is alive, no more"), h.health)
}

// operation is an operation with the limits all have.
func operation(method, path, id, summary string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, MaxBodyBytes: maxBody}
}

func (h *handlers) calls(_ context.Context, in *callsInput) (*body[CallList], error) {
	out := &body[CallList]{CallList{Calls: []Call{}}}
	if h.deps.Calls == nil {
		return out, nil
	}
	now := h.now()
	for _, v := range h.deps.Calls.Calls() {
		if in.Trunk == "" || v.Record.A.Trunk == in.Trunk || v.Record.B.Trunk == in.Trunk {
			out.Body.Calls = append(out.Body.Calls, callOf(now, v, false))
		}
	}
	slices.SortStableFunc(out.Body.Calls, func(a, b Call) int { return a.Invited.Compare(b.Invited) })
	return out, nil
}

func (h *handlers) call(ctx context.Context, in *callInput) (*body[Call], error) {
	if h.deps.Calls != nil {
		if v, ok := h.deps.Calls.Call(in.ID); ok {
			c := callOf(h.now(), v, true)
			c.Verdict = h.verdict(v.Record)
			return &body[Call]{c}, nil
		}
	}
	if h.deps.Records != nil {
		list, err := h.deps.Records(ctx, RecordFilter{CallID: in.ID, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			c := recordOf(list[0])
			c.Verdict = h.verdict(list[0])
			if h.deps.Timeline != nil {
				t, err := h.deps.Timeline(ctx, c.ID)
				if err != nil {
					return nil, err
				}
				c.Events, c.Omitted = eventsOf(t.Events), t.Omitted
			}
			return &body[Call]{c}, nil
		}
	}
	return nil, noCall(in.ID)
}

func (h *handlers) hangup(_ context.Context, in *callInput) (*empty, error) {
	if h.deps.Calls == nil || !h.deps.Calls.Hangup(in.ID) {
		return nil, noCall(in.ID)
	}
	return &empty{}, nil
}

func (h *handlers) transfer(_ context.Context, in *transferInput) (*empty, error) {
	if h.deps.Calls == nil || !h.deps.Calls.Transfer(in.ID, in.Body.Side, in.Body.Target) {
		return nil, noCall(in.ID)
	}
	return &empty{}, nil
}

func (h *handlers) digits(_ context.Context, in *digitsInput) (*empty, error) {
	if h.deps.Calls == nil || !h.deps.Calls.Digits(in.ID, in.Body.Side, in.Body.Digits) {
		return nil, noCall(in.ID)
	}
	return &empty{}, nil
}

func noCall(id string) error {
	return huma.Error404NotFound("there is no call " + id + " in progress, and no record of it")
}

func (h *handlers) records(ctx context.Context, in *recordsInput) (*body[RecordList], error) {
	if h.deps.Records == nil {
		return nil, huma.Error404NotFound("no call records are kept; set records.path")
	}
	list, err := h.deps.Records(ctx, RecordFilter{
		Since: in.Since, Until: in.Until, Trunk: in.Trunk, Number: in.Number, CallID: in.Call,
		Status: in.Status, Failed: in.Failed, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := &body[RecordList]{RecordList{Records: make([]Call, len(list))}}
	for i, r := range list {
		out.Body.Records[i] = recordOf(r)
		out.Body.Records[i].Verdict = h.verdict(r)
	}
	return out, nil
}

func (h *handlers) verdict(r sbc.CDR) string {
	if h.deps.Verdict == nil {
		return ""
	}
	return h.deps.Verdict(r)
}

func (h *handlers) trunks(_ context.Context, _ *empty) (*body[TrunkList], error) {
	out := &body[TrunkList]{TrunkList{Trunks: []Trunk{}}}
	if h.deps.Trunks == nil {
		return out, nil
	}
	up := map[string]int{}
	if h.deps.Calls != nil {
		for _, v := range h.deps.Calls.Calls() {
			up[v.Record.A.Trunk]++
			if v.Record.B.Trunk != v.Record.A.Trunk {
				up[v.Record.B.Trunk]++
			}
		}
	}
	now := h.now()
	for _, t := range h.deps.Trunks() {
		out.Body.Trunks = append(out.Body.Trunks, trunkOf(now, t, up[t.Name()]))
	}
	return out, nil
}

func (h *handlers) reload(_ context.Context, _ *empty) (*body[Reloaded], error) {
	if h.deps.Reload == nil {
		return nil, huma.Error404NotFound("there is no file to read again: the built-in configuration is in use")
	}
	out, err := h.deps.Reload()
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	return &body[Reloaded]{out}, nil
}

func (h *handlers) selfTest(_ context.Context, in *selfTestInput) (*body[SelfTest], error) {
	if h.deps.SelfTest == nil {
		return nil, huma.Error404NotFound("this gateway has no self test")
	}
	out, err := h.deps.SelfTest(in.Body)
	if err != nil {
		return nil, huma.Error409Conflict(err.Error())
	}
	return &body[SelfTest]{out}, nil
}

func (h *handlers) endSelfTest(_ context.Context, in *endTestInput) (*empty, error) {
	if h.deps.EndSelfTest == nil {
		return nil, huma.Error404NotFound("this gateway has no self test")
	}
	h.deps.EndSelfTest(in.Caller)
	return &empty{}, nil
}

func (h *handlers) views(_ context.Context, _ *empty) (*body[ViewList], error) {
	names := make([]string, 0, len(h.deps.Views))
	for name := range h.deps.Views {
		names = append(names, name)
	}
	slices.Sort(names)
	return &body[ViewList]{ViewList{Views: names}}, nil
}

func (h *handlers) view(_ context.Context, in *viewInput) (*body[any], error) {
	view, ok := h.deps.Views[in.Name]
	if !ok {
		return nil, huma.Error404NotFound(ErrUnknown.Error())
	}
	return &body[any]{view()}, nil
}

func (h *handlers) health(_ context.Context, _ *empty) (*healthBody, error) {
	if h.deps.Health == nil {
		return nil, huma.Error404NotFound(ErrUnknown.Error())
	}
	out := &healthBody{Status: http.StatusOK, Body: h.deps.Health(h.now())}
	if len(out.Body.Failing) > 0 {
		out.Status = http.StatusServiceUnavailable
	}
	return out, nil
}
