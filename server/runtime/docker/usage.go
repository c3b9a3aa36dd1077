package docker

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/internal/sandbox"
)

// Usage implements sandbox.Place.
func (p *place) Usage(ctx context.Context, res sandbox.Resident) (runtime.Usage, error) {
	p.mu.Lock()
	spent := p.spent
	p.mu.Unlock()
	r, lives := res.(*resident)
	if !lives {
		return runtime.Usage{CPUTime: spent}, nil
	}
	u, err := r.usage(ctx)
	u.CPUTime += spent
	return u, p.r.explain(err)
}

// usage reads the container's control group where the engine is on this machine:
// the engine itself takes up to a second to answer.
func (r *resident) usage(ctx context.Context) (runtime.Usage, error) {
	if r.group == nil {
		return r.p.r.usage(ctx, r.id)
	}
	st := r.group.Stat()
	u := runtime.Usage{CPUTime: st.CPU, Memory: st.Memory}
	if tree, err := proctree.Usage(r.pid); err == nil {
		u.Procs = tree.Procs
	}
	return u, nil
}

// usage asks the engine once. How many processes there are it does not know: it
// counts threads.
func (e *Engine) usage(ctx context.Context, id string) (runtime.Usage, error) {
	got, err := e.api.ContainerStats(ctx, id, client.ContainerStatsOptions{})
	if err != nil {
		return runtime.Usage{}, err
	}
	defer got.Body.Close()
	var s container.StatsResponse
	if err := json.NewDecoder(got.Body).Decode(&s); err != nil {
		return runtime.Usage{}, err
	}
	m := s.MemoryStats.Stats
	resident := m["anon"] + m["shmem"] // version 2 of control groups
	if v1, ok := m["total_rss"]; ok {
		resident = v1 + m["total_shmem"]
	}
	return runtime.Usage{CPUTime: time.Duration(s.CPUStats.CPUUsage.TotalUsage), Memory: int64(resident)}, nil
}

// meter implements sandbox.Meter: the agent measures, from inside. What is left
// is to tell whether an agent that is gone was ended for want of memory.
type meter struct{ r *resident }

// Command implements sandbox.Resident.
func (r *resident) Command(runtime.Limits) sandbox.Meter { return meter{r} }

// Judge implements sandbox.Meter.
func (meter) Judge() api.Limit { return api.LimitNone }

// Peak implements sandbox.Meter.
func (meter) Peak() (time.Duration, int64) { return 0, 0 }

// inspectWithin bounds how long an engine takes to note that a container is over, and
// as long again to say how it ended.
const inspectWithin = 10 * time.Second

// Refused implements sandbox.Meter.
func (m meter) Refused(lost bool) api.Limit {
	if !lost {
		return api.LimitNone
	}
	ctx, cancel := context.WithTimeout(context.Background(), inspectWithin)
	defer cancel()
	e := m.r.p.r.Engine
	over := e.api.ContainerWait(ctx, m.r.id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select { // its stream ends before the engine knows why
	case <-over.Result:
	case <-over.Error:
	}
	asked, done := context.WithTimeout(context.Background(), inspectWithin)
	defer done()
	got, err := e.api.ContainerInspect(asked, m.r.id, client.ContainerInspectOptions{})
	if err == nil && got.Container.State != nil && got.Container.State.OOMKilled {
		return api.LimitMemory
	}
	return api.LimitNone
}

// ignoreClosed is for a stream that has been closed already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
