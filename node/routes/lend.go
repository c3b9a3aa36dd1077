package routes

import (
	"context"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
)

// ReasonBody is an optional reason.
type ReasonBody struct {
	Body *api.ReasonRequest
}

func reason(r *api.ReasonRequest) string {
	if r == nil {
		return ""
	}
	return r.Reason
}

// SandboxPath is the input of routes about a sandbox.
type SandboxPath struct {
	ID string `path:"id" maxLength:"100" doc:"a sandbox's id, or a unique part of it"`
}

func (s *Services) sandbox(ctx context.Context, typed string) (api.SandboxID, error) {
	var ids []string
	for _, b := range s.Lender.Sandboxes(ctx) {
		ids = append(ids, string(b.ID))
	}
	id, err := unique("sandbox", "p2prc lend ls", typed, ids)
	return api.SandboxID(id), err
}

func (s *Services) lend(context.Context, *door.None) (api.LendStatus, error) {
	return s.Lender.Status(), nil
}

func (s *Services) sandboxes(ctx context.Context, _ *door.None) ([]api.Sandbox, error) {
	return list(s.Lender.Sandboxes(ctx)), nil
}

func (s *Services) pauseLending(ctx context.Context, in *ReasonBody) error {
	return s.Lender.Pause(ctx, reason(in.Body))
}

func (s *Services) resumeLending(ctx context.Context, _ *door.None) error {
	return s.Lender.Resume(ctx)
}

func (s *Services) drainLending(ctx context.Context, in *ReasonBody) error {
	return s.Lender.Drain(ctx, reason(in.Body))
}

type killIn struct {
	SandboxPath
	ReasonBody
}

func (s *Services) killSandbox(ctx context.Context, in *killIn) error {
	id, err := s.sandbox(ctx, in.ID)
	if err != nil {
		return err
	}
	return s.Lender.Kill(ctx, id, reason(in.Body))
}

func (s *Services) pauseSandbox(ctx context.Context, in *SandboxPath) error {
	id, err := s.sandbox(ctx, in.ID)
	if err != nil {
		return err
	}
	return s.Lender.PauseSandbox(ctx, id)
}

func (s *Services) resumeSandbox(ctx context.Context, in *SandboxPath) error {
	id, err := s.sandbox(ctx, in.ID)
	if err != nil {
		return err
	}
	return s.Lender.ResumeSandbox(ctx, id)
}

func (s *Services) limits(context.Context, *door.None) (api.Limits, error) {
	return s.Lender.Limits(), nil
}

type limitsIn struct {
	Body api.Limits
}

func (s *Services) setLimits(ctx context.Context, in *limitsIn) error {
	return s.Lender.SetLimits(ctx, in.Body)
}

func (s *Services) limitsEnd(_ context.Context, in *limitsIn) ([]api.Sandbox, error) {
	return list(s.Lender.LimitsEnd(in.Body)), nil
}

func (s *Services) policy(context.Context, *door.None) ([]api.Rule, error) {
	return list(s.Lender.Policy()), nil
}

type policyIn struct {
	Body []api.Rule `nullable:"false" maxItems:"1000"`
}

func (s *Services) setPolicy(ctx context.Context, in *policyIn) error {
	return s.Lender.SetPolicy(ctx, in.Body)
}

func (s *Services) policyEnd(_ context.Context, in *policyIn) ([]api.Sandbox, error) {
	return list(s.Lender.PolicyEnd(in.Body)), nil
}

type usageIn struct {
	By    []string  `query:"by" enum:"peer,job,day" doc:"what to sum by, any of them; none: one row"`
	Since time.Time `query:"since" doc:"RFC 3339; from the beginning if empty"`
}

func (s *Services) usage(ctx context.Context, in *usageIn) ([]api.UsageRow, error) {
	rows, err := s.Lender.Usage(ctx, in.By, in.Since)
	return list(rows), err
}

func (s *Services) leases(ctx context.Context, _ *door.None) ([]api.LeaseView, error) {
	return list(s.Lender.Leases(door.WhoOf(ctx).Peer)), nil
}
