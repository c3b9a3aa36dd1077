package machine

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestReadDescribesThisMachine(t *testing.T) {
	info, err := Read(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if info.Cores != runtime.NumCPU() || info.Arch != runtime.GOARCH || !strings.HasPrefix(info.OS, runtime.GOOS) {
		t.Errorf("read %+v", info)
	}
	if info.Memory < 64<<20 || info.Disk <= 0 || info.DiskFree > info.Disk || info.DiskFree < 0 {
		t.Errorf("sizes make no sense: %+v", info)
	}
}

func TestReadTellsWhatItCouldNotRead(t *testing.T) {
	info, err := Read(t.Context(), filepath.Join(t.TempDir(), "missing"))
	if err == nil || !strings.Contains(err.Error(), "disk") {
		t.Errorf("error %v does not name the disk", err)
	}
	if info.Memory == 0 {
		t.Error("one failed read hid the others")
	}
}

func TestParseNvidiaPublishedFormat(t *testing.T) {
	f, err := os.Open("testdata/nvidia-smi.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := ParseNvidia(f)
	if err != nil {
		t.Fatal(err)
	}
	want := []GPU{
		{Index: 0, UUID: "GPU-3c1f5b8e-6a0f-8f2b-5d0d-1a2b3c4d5e6f", Model: "NVIDIA A100-SXM4-80GB", Memory: 81920 << 20, Driver: "550.90.07"},
		{Index: 1, UUID: "GPU-aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb", Model: "NVIDIA GH200 480GB", Driver: "550.90.07"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseNvidiaRefusesNonsense(t *testing.T) {
	for name, text := range map[string]string{
		"empty":           "",
		"other document":  "<html><body/></html>",
		"cut":             "<nvidia_smi_log><gpu>",
		"unit":            "<nvidia_smi_log><gpu><fb_memory_usage><total>5 GB</total></fb_memory_usage></gpu></nvidia_smi_log>",
		"negative memory": "<nvidia_smi_log><gpu><fb_memory_usage><total>-5 MiB</total></fb_memory_usage></gpu></nvidia_smi_log>",
		"endless memory":  "<nvidia_smi_log><gpu><fb_memory_usage><total>9223372036854775807 MiB</total></fb_memory_usage></gpu></nvidia_smi_log>",
		"too many":        "<nvidia_smi_log>" + strings.Repeat("<gpu/>", maxGPUs+1) + "</nvidia_smi_log>",
	} {
		if gpus, err := ParseNvidia(strings.NewReader(text)); err == nil {
			t.Errorf("%s: accepted as %+v", name, gpus)
		}
	}
}

// fakeTool puts a program called nvidia-smi first on PATH.
func fakeTool(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestGPUsAsksTheTool(t *testing.T) {
	sample, err := filepath.Abs("testdata/nvidia-smi.xml")
	if err != nil {
		t.Fatal(err)
	}
	fakeTool(t, `[ "$*" = "-q -x" ] && exec cat `+sample)
	gpus, err := GPUs(t.Context())
	if err != nil || len(gpus) != 2 {
		t.Fatalf("%d GPUs, error %v", len(gpus), err)
	}
}

func TestGPUsReportsAToolThatFails(t *testing.T) {
	fakeTool(t, "echo no devices were found >&2; exit 6")
	if _, err := GPUs(t.Context()); err == nil || !strings.Contains(err.Error(), "no devices") {
		t.Errorf("error %v", err)
	}
}

func TestGPUsDoesNotWaitForAToolThatHangs(t *testing.T) {
	fakeTool(t, "exec sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := GPUs(ctx); err == nil {
		t.Error("no error")
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("waited %s", d)
	}
}

func TestGPUsStopsAToolThatPrintsForEver(t *testing.T) {
	fakeTool(t, "exec cat /dev/zero")
	if _, err := GPUs(t.Context()); err == nil {
		t.Error("no error")
	}
}

func FuzzParseNvidia(f *testing.F) {
	sample, err := os.ReadFile("testdata/nvidia-smi.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(sample))
	f.Fuzz(func(t *testing.T, text string) {
		gpus, err := ParseNvidia(strings.NewReader(text))
		if err == nil && len(gpus) > maxGPUs {
			t.Fatalf("%d GPUs", len(gpus))
		}
		for _, g := range gpus {
			if g.Memory < 0 || len(g.Model) > maxText {
				t.Fatalf("believed %+v", g)
			}
		}
	})
}

// Only that it is told and does not run backwards: others use this machine too.
func TestSpent(t *testing.T) {
	before, err := Spent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after, err := Spent(t.Context()); err != nil || after < before-time.Second || before == 0 {
		t.Errorf("%s, then %s, %v", before, after, err)
	}
}
