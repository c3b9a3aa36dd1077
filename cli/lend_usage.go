package cli

import (
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func lendUsageCmd(a *app) *cobra.Command {
	var by []string
	var since string
	var asJSON, asCSV bool
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Show what others have used, from the ledger",
		Long: `Sum the ledger of what this machine did for others, by any of peer, job and day.
--since takes a date (2026-01-31) or a span (7d, 12h).` + exits(api.KindNotRunning),
		Example: "  p2prc lend usage --by peer --since 30d\n  p2prc lend usage --by day,peer --csv > usage.csv",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, b := range by {
				if !slices.Contains([]string{"peer", "job", "day"}, b) {
					return api.Errorf(api.KindUsage, "--by %s: usage is not kept by that", b).WithHint("any of peer, job, day")
				}
			}
			if asCSV && asJSON {
				return api.Errorf(api.KindUsage, "--csv and --json exclude each other")
			}
			from, err := parseSince(since, time.Now())
			if err != nil {
				return err
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			rows, err := client.Usage(cmd.Context(), by, from)
			if err != nil {
				return err
			}
			if asCSV {
				return usageCSV(a.out, rows)
			}
			return list(a.out, asJSON, rows, []string{"DAY", "PEER", "JOB", "TASKS", "CPU", "MEMORY", "GPU", "IN", "OUT"}, func(u api.UsageRow) []string {
				return []string{or(u.Day, "-"), or(or(u.Name, u.Peer.Short()), "-"), or(short(u.Job), "-"), strconv.FormatInt(u.Tasks, 10),
					clock(seconds(u.CPUSeconds)), bytesOf(int64(u.MemorySeconds/3600)) + " h", clock(seconds(u.GPUSeconds)), bytesOf(u.BytesIn), bytesOf(u.BytesOut)}
			})
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&by, "by", []string{"peer"}, "sum by any of peer, job, day")
	f.StringVar(&since, "since", "", "from then on; all if not given")
	f.BoolVar(&asJSON, "json", false, "print the rows as JSON")
	f.BoolVar(&asCSV, "csv", false, "print the rows as CSV")
	must(cmd.RegisterFlagCompletionFunc("by", fixed("peer", "job", "day")))
	return cmd
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// parseSince reads a date, or a span back from now.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation("2006-01-02", s, time.Local); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, api.Errorf(api.KindUsage, "--since %s is neither a date nor a span", s).WithHint("like 2026-01-31, 7d or 12h")
}

// usageCSV prints exact numbers with a header.
func usageCSV(out *output, rows []api.UsageRow) error {
	w := csv.NewWriter(out.stdout)
	records := [][]string{{"day", "peer", "peer_name", "job", "tasks", "cpu_seconds", "memory_byte_seconds", "gpu_seconds", "bytes_in", "bytes_out"}}
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	for _, u := range rows {
		records = append(records, []string{u.Day, string(u.Peer), plainCell(u.Name), string(u.Job), strconv.FormatInt(u.Tasks, 10),
			f(u.CPUSeconds), f(u.MemorySeconds), f(u.GPUSeconds), strconv.FormatInt(u.BytesIn, 10), strconv.FormatInt(u.BytesOut, 10)})
	}
	return w.WriteAll(records)
}

// plainCell keeps a spreadsheet from taking another machine's name for a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
