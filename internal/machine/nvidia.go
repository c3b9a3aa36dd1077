package machine

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// GPU is one NVIDIA GPU as its driver's tool describes it.
type GPU struct {
	Index  int
	UUID   string
	Model  string
	Memory int64 // bytes
	Driver string
}

// GPUTimeout bounds GPUs: the tool initialises every GPU when no other program
// holds the driver, which takes seconds on machines with many.
const GPUTimeout = 20 * time.Second

// Bounds on what is believed of the tool's answer.
const (
	maxNvidiaXML = 16 << 20
	maxGPUs      = 64
	maxText      = 200
)

// GPUs asks nvidia-smi. A machine without it has none, which is no error.
func GPUs(ctx context.Context) ([]GPU, error) {
	path, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return nil, nil // no driver here
	}
	ctx, cancel := context.WithTimeout(ctx, GPUTimeout)
	defer cancel()
	var out, stderr limited
	out.left, stderr.left = maxNvidiaXML, 1<<10
	cmd := exec.CommandContext(ctx, path, "-q", "-x")
	cmd.Stdout, cmd.Stderr = &out, &stderr
	cmd.WaitDelay = time.Second // a driver in trouble may keep the tool from dying
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("nvidia-smi: %w: %s", err, strings.TrimSpace(stderr.buf.String()))
	}
	return ParseNvidia(&out.buf)
}

// ParseNvidia reads what `nvidia-smi -q -x` prints.
func ParseNvidia(r io.Reader) ([]GPU, error) {
	var doc struct {
		XMLName xml.Name `xml:"nvidia_smi_log"`
		Driver  string   `xml:"driver_version"`
		GPUs    []struct {
			Model  string `xml:"product_name"`
			UUID   string `xml:"uuid"`
			Memory string `xml:"fb_memory_usage>total"`
		} `xml:"gpu"`
	}
	if err := xml.NewDecoder(io.LimitReader(r, maxNvidiaXML)).Decode(&doc); err != nil {
		return nil, fmt.Errorf("nvidia-smi's answer: %w", err)
	}
	if len(doc.GPUs) > maxGPUs {
		return nil, fmt.Errorf("nvidia-smi's answer: %d GPUs, at most %d are believed", len(doc.GPUs), maxGPUs)
	}
	var gpus []GPU
	for i, g := range doc.GPUs {
		memory, err := parseMemory(g.Memory)
		if err != nil {
			return nil, fmt.Errorf("nvidia-smi's answer: GPU %d: %w", i, err)
		}
		gpus = append(gpus, GPU{Index: i, UUID: clean(g.UUID), Model: clean(g.Model), Memory: memory, Driver: clean(doc.Driver)})
	}
	return gpus, nil
}

// parseMemory reads "81559 MiB". GPUs that share the machine's memory say "N/A".
func parseMemory(s string) (int64, error) {
	s = strings.TrimSpace(s)
	if s == "" || s == "N/A" || s == "[N/A]" {
		return 0, nil
	}
	number, unit, _ := strings.Cut(s, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1<<30 {
		return 0, fmt.Errorf("memory of %q", s)
	}
	if unit != "MiB" {
		return 0, fmt.Errorf("memory in %q, not MiB", unit)
	}
	return n << 20, nil
}

func clean(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// limited keeps the first bytes written to it and fails when there are more.
// The buffer is a field: embedded, its ReadFrom would go round the limit.
type limited struct {
	buf  bytes.Buffer
	left int
}

var errTooMuch = errors.New("prints too much")

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errTooMuch
	}
	l.left -= len(p)
	return l.buf.Write(p)
}
