package container

import (
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// found is a find that knows images of two names.
func found(name string) (api.ImageID, error) {
	if name == "busybox" || name == "debian:12" {
		return api.ImageID("sha256:" + name), nil
	}
	return "", api.Errorf(api.KindUnsupported, "image %s is not on this machine", name)
}

func TestPin(t *testing.T) {
	for text, want := range map[string]string{
		"FROM busybox\nRUN echo FROM nosuch\n":                                                                                             "FROM sha256:busybox\nRUN echo FROM nosuch\n",
		"# ADD http://x\n\nfrom --platform=$P debian:12 as Build\r\nFROM build\n":                                                          "FROM --platform=$P sha256:debian:12 as Build\nFROM build\n",
		"FROM busy\\\n# a comment\n\nbox\nRUN a \\\n  && b":                                                                                "FROM sha256:busybox\nRUN a   && b\n",
		"FROM busybox\nRUN true \\\r\r\nADD http://x /\n":                                                                                  "FROM sha256:busybox\nRUN true ADD http://x /\n",
		"FROM busybox\nRUN a \\\n\nb \\\n#c\nenv A=\u00e9 \u00a0\nRUN \u00e9":                                                              "FROM sha256:busybox\nRUN a b env A=\u00e9\nRUN \u00e9\n",
		"FROM busybox AS a\nFROM scratch\nCOPY --from=a /x /y\nCOPY --from=0 --chown=1:1 x y\nCOPY --from=debian:12 [\"/x  z\", \"/y\"]\n": "FROM sha256:busybox AS a\nFROM scratch\nCOPY --from=a /x /y\nCOPY --from=0 --chown=1:1 x y\nCOPY --from=sha256:debian:12 [\"/x  z\", \"/y\"]\n",
		"FROM busybox\nADD --chown=1:1 root.tar /\nADD [\"a b\", \"/\"]":                                                                   "FROM sha256:busybox\nADD --chown=1:1 root.tar /\nADD [\"a b\", \"/\"]\n",
	} {
		if got, err := pin(text, found); err != nil || got != want {
			t.Errorf("%q became\n%q, want\n%q, %v", text, got, want, err)
		}
	}
}

// Whatever would make the engine fetch something is refused, however it is written.
func TestPinRefuses(t *testing.T) {
	for _, line := range []string{
		"FROM nosuch", "FROM $X", "FROM", "FROM busybox x", "FR\\\nOM nosuch", "\ufefffrom nosuch", "\u00a0FROM nosuch", "from\vnosuch",
		"COPY --from=nosuch / /", "COPY --from=1 / /", "COPY --from=-1 / /", "COPY --fr\\om=nosuch / /", `COPY --"from"=nosuch / /`, "COPY --from=$X / /", "COPY --chown=1 --from=nosuch / /",
		"ADD http://192.168.1.1/ /", "ADD HTTP://x /", `ADD ["http://x", "/"]`, `ADD ["http\u003a//x", "/"]`, `ADD http:\/\/x /`, `ADD http":"//x /`, `ADD 'ht'tp://x /`,
		"ADD $X /", "ADD http:\\\n//x /", "ADD \\\n\n# no\nhttp://x /", "ADD git@github.com:a/b.git /", "ADD ftp://x /",
		"RUN --mount=type=bind,from=nosuch true", "RUN --network=host true", "ONBUILD ADD http://x /", "onbuild RUN true", "NOSUCH x", "\\\nADD http://x /",
		"RUN a \\\\\nADD http://x /", "RUN cat <<EOF\nADD http://x /\nEOF", "# escape=`\nFROM nosuch", "#Escape = `",
		"COPY --chown=\u00e0--from=nosuch / /", "COPY --chown=\u0145 / /", "COPY --chown=1\u00a0--from=nosuch / /", "COPY \xa0--from=nosuch / /", "COPY --chown=1 \x85--from=nosuch / /",
		"HEALTHCHECK --interval=\u00e0--x CMD true", "COPY --chown=1\v--from=nosuch / /", "RUN a\rADD http://x /", "RUN a\x00b",
		"RUN cat <<EOF", "RUN <<-EOF cat", "COPY <<x /y", "ADD <<x /y", "RUN true \\\u00a0\nx", "RUN true \\\f\nUSER x",
	} {
		if got, err := pin("FROM busybox\n"+line+"\n", found); err == nil {
			t.Errorf("%q became %q", line, got)
		}
	}
}

func FuzzPin(f *testing.F) {
	f.Add("FROM busybox AS a\nCOPY --from=debian:12 x y\nRUN a \\\n b\n")
	f.Add("ADD \\\n#\nx y")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := pin(text, func(string) (api.ImageID, error) { return "sha256:0", nil })
		if err != nil {
			return
		}
		again, err := pin(got, func(name string) (api.ImageID, error) {
			if name != "sha256:0" {
				t.Errorf("%q names the image %q after pinning", got, name)
			}
			return "sha256:0", nil
		})
		if err != nil || again != got {
			t.Errorf("%q became %q, %v", got, again, err)
		}
	})
}
