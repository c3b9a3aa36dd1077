package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Lend is the lending side at a glance.
func (c *Client) Lend(ctx context.Context) (LendStatus, error) {
	return get[LendStatus](ctx, c, nil, "lend")
}

// Sandboxes lists who runs what here now.
func (c *Client) Sandboxes(ctx context.Context) ([]Sandbox, error) {
	return get[[]Sandbox](ctx, c, nil, "lend", "sandboxes")
}

// PauseLending freezes every guest and takes no more.
func (c *Client) PauseLending(ctx context.Context, reason string) error {
	return c.act(ctx, ReasonRequest{Reason: reason}, "lend", "pause")
}

// ResumeLending undoes a pause or a drain.
func (c *Client) ResumeLending(ctx context.Context) error { return c.act(ctx, nil, "lend", "resume") }

// DrainLending takes no more and lets what runs end.
func (c *Client) DrainLending(ctx context.Context, reason string) error {
	return c.act(ctx, ReasonRequest{Reason: reason}, "lend", "drain")
}

// KillSandbox ends a sandbox with all that is in it.
func (c *Client) KillSandbox(ctx context.Context, id SandboxID, reason string) error {
	return c.act(ctx, ReasonRequest{Reason: reason}, "lend", "sandboxes", string(id), "kill")
}

// PauseSandbox freezes one sandbox.
func (c *Client) PauseSandbox(ctx context.Context, id SandboxID) error {
	return c.act(ctx, nil, "lend", "sandboxes", string(id), "pause")
}

// ResumeSandbox lets a paused sandbox go on.
func (c *Client) ResumeSandbox(ctx context.Context, id SandboxID) error {
	return c.act(ctx, nil, "lend", "sandboxes", string(id), "resume")
}

// Limits is what the owner lends at most.
func (c *Client) Limits(ctx context.Context) (Limits, error) {
	return get[Limits](ctx, c, nil, "lend", "limits")
}

// LimitsEnd is the long-lived containers that l, if they were the limits, would take away.
func (c *Client) LimitsEnd(ctx context.Context, l Limits) (ends []Sandbox, err error) {
	return ends, c.call(ctx, http.MethodPost, "/v1/lend/limits/ends", nil, l, &ends)
}

// SetLimits replaces the limits.
func (c *Client) SetLimits(ctx context.Context, l Limits) error {
	return c.call(ctx, http.MethodPut, "/v1/lend/limits", nil, l, nil)
}

// Policy is the table of who may do what here; the first row that matches decides.
func (c *Client) Policy(ctx context.Context) ([]Rule, error) {
	return get[[]Rule](ctx, c, nil, "lend", "policy")
}

// PolicyEnd is the long-lived containers that rules, if they were the table, would take away.
func (c *Client) PolicyEnd(ctx context.Context, rules []Rule) (ends []Sandbox, err error) {
	if rules == nil {
		rules = []Rule{}
	}
	return ends, c.call(ctx, http.MethodPost, "/v1/lend/policy/ends", nil, rules, &ends)
}

// SetPolicy replaces the table.
func (c *Client) SetPolicy(ctx context.Context, rules []Rule) error {
	if rules == nil {
		rules = []Rule{}
	}
	return c.call(ctx, http.MethodPut, "/v1/lend/policy", nil, rules, nil)
}

// Usage sums the ledger since a time (zero: ever) by any of peer, job and day.
func (c *Client) Usage(ctx context.Context, by []string, since time.Time) ([]UsageRow, error) {
	q := url.Values{}
	if len(by) > 0 {
		q.Set("by", strings.Join(by, ","))
	}
	if !since.IsZero() {
		q.Set("since", since.UTC().Format(time.RFC3339))
	}
	return get[[]UsageRow](ctx, c, q, "lend", "usage")
}

// Leases lists the caller's own leases on a lender; only the peers' door has it.
func (c *Client) Leases(ctx context.Context) ([]LeaseView, error) {
	return get[[]LeaseView](ctx, c, nil, "leases")
}
