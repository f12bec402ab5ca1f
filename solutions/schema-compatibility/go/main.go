// Command schema-check compares a folder of schemas with a registry or a folder baseline, for CI.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	fine = iota
	breaks
	noVerdict
)

var directions = map[string][]string{
	"NONE":     {},
	"BACKWARD": {"backward"},
	"FORWARD":  {"forward"},
	"FULL":     {"backward", "forward"},
}

type options struct {
	schemas, registry, baseline, junit string
	timeout                            float64
}

func main() {
	var given options
	flag.StringVar(&given.schemas, "schemas", "", "the folder of proposed schemas")
	flag.StringVar(&given.registry, "registry", "", "URL of a schema registry")
	flag.StringVar(&given.baseline, "baseline", "", "a folder with earlier versions")
	flag.StringVar(&given.junit, "junit", "", "where the report goes")
	flag.Float64Var(&given.timeout, "timeout", 10, "seconds for one answer")
	flag.Parse()
	if given.schemas == "" || given.junit == "" || (given.registry == "") == (given.baseline == "") {
		flag.Usage()
		os.Exit(noVerdict)
	}
	cases := judgeAll(given)
	code := fine
	for _, one := range cases {
		switch {
		case one.Error != "":
			fmt.Printf("ERROR %s: %s\n", one.Subject, one.Error)
			code = noVerdict
		case one.Direction != "":
			fmt.Printf("BREAKS %s %s [%s] %s\n", one.Subject, one.Name, one.Direction, one.Message)
			code = max(code, breaks)
		default:
			fmt.Printf("ok %s %s\n", one.Subject, one.Name)
		}
	}
	if err := WriteReport(given.junit, cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = noVerdict
	}
	os.Exit(code)
}

func judgeAll(given options) []Case {
	var base Baseline
	var err error
	if given.baseline != "" {
		base, err = OpenFolder(given.baseline)
	} else {
		base = NewRegistry(given.registry, time.Duration(given.timeout*float64(time.Second)))
	}
	paths, _ := filepath.Glob(filepath.Join(given.schemas, "*.avsc"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("there are no schemas in %s", given.schemas)
	}
	if err != nil {
		return []Case{{Subject: "schema-compatibility", Name: "error", Error: err.Error()}}
	}
	slices.Sort(paths)
	var cases []Case
	var gone error
	for _, path := range paths {
		subject := strings.TrimSuffix(filepath.Base(path), ".avsc")
		var found []Case
		err := gone // and the others need not wait for it as well
		if err == nil {
			found, err = judge(subject, given.schemas, base)
		}
		if errors.Is(err, errUnreachable) {
			gone = err
		}
		if err != nil {
			found = []Case{{Subject: subject, Name: "error", Error: err.Error()}}
		}
		cases = append(cases, found...)
	}
	return cases
}

func judge(subject, folder string, base Baseline) ([]Case, error) {
	written, err := ReadSchema(folder, subject)
	if err != nil {
		return nil, err
	}
	proposed, err := Resolve(base, written)
	if err != nil {
		return nil, err
	}
	level, err := base.Level(subject)
	if err != nil {
		return nil, err
	}
	plain, transitive := strings.CutSuffix(level, "_TRANSITIVE")
	asked, known := directions[plain]
	if !known {
		return nil, fmt.Errorf("there is no level %q", level)
	}
	versions, err := base.Versions(subject)
	if err != nil {
		return nil, err
	}
	if !transitive && len(versions) > 0 {
		versions = versions[len(versions)-1:]
	}
	if len(versions) == 0 || len(asked) == 0 {
		return []Case{{Subject: subject, Name: "none"}}, nil
	}
	var cases []Case
	for _, version := range versions {
		text, err := base.Written(subject, version)
		if err != nil {
			return nil, err
		}
		earlier, err := Resolve(base, text)
		if err != nil {
			return nil, err
		}
		cases = append(cases, compare(subject, version, proposed, earlier, asked))
	}
	return cases, nil
}

func compare(subject string, version int, proposed, earlier *Node, asked []string) Case {
	made := Case{Subject: subject, Name: fmt.Sprintf("version %d", version)}
	var words []string
	for _, direction := range asked {
		reader, writer := proposed, earlier
		if direction == "forward" {
			reader, writer = earlier, proposed
		}
		found := Problems(reader, writer)
		if len(found) == 0 {
			continue
		}
		if made.Direction == "" {
			made.Direction = direction
		} else {
			made.Direction = "full"
		}
		for _, one := range found {
			words = append(words, fmt.Sprintf("%s: %s (%s)", one.Path, one.Text, direction))
		}
	}
	made.Message = strings.Join(words, "; ")
	return made
}
