// The checker on hamba/avro, which has the rules of compatibility.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/hamba/avro/v2"
)

type reference struct {
	Name    string
	Subject string
	Version int
}

type text struct {
	Schema     string
	References []reference
}

type source struct {
	url, folder string
	http        http.Client
	levels      struct {
		Default  string
		Subjects map[string]string
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (s *source) ask(path string, into any) bool {
	answer, err := s.http.Get(s.url + path)
	must(err)
	defer answer.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(answer.Body)
	must(err)
	if answer.StatusCode == 404 {
		var trouble struct {
			Code int `json:"error_code"`
		}
		must(json.Unmarshal(body.Bytes(), &trouble))
		if trouble.Code/100 == 404 && trouble.Code != 40400 {
			return false
		}
	}
	if answer.StatusCode != 200 {
		panic(fmt.Sprintf("%s: %s", path, answer.Status))
	}
	must(json.Unmarshal(body.Bytes(), into))
	return true
}

func (s *source) level(subject string) string {
	if s.url == "" {
		if own, ok := s.levels.Subjects[subject]; ok {
			return own
		}
		return s.levels.Default
	}
	var level struct{ CompatibilityLevel string }
	if !s.ask("/config/"+subject+"?defaultToGlobal=true", &level) {
		s.ask("/config", &level)
	}
	if level.CompatibilityLevel == "" {
		panic("no level")
	}
	return level.CompatibilityLevel
}

func (s *source) versions(subject string) (found []int) {
	if s.url == "" {
		entries, _ := os.ReadDir(s.folder + "/" + subject)
		for _, entry := range entries {
			if stem, ok := strings.CutSuffix(entry.Name(), ".avsc"); ok {
				number, err := strconv.Atoi(stem)
				must(err)
				found = append(found, number)
			}
		}
	} else {
		s.ask("/subjects/"+subject+"/versions", &found)
	}
	sort.Ints(found)
	return found
}

func (s *source) text(subject string, version int) (found text) {
	if s.url == "" {
		return load(s.folder+"/"+subject, strconv.Itoa(version))
	}
	if !s.ask(fmt.Sprintf("/subjects/%s/versions/%d", subject, version), &found) {
		panic(fmt.Sprintf("no %s %d", subject, version))
	}
	return found
}

func load(folder, stem string) (found text) {
	data, err := os.ReadFile(folder + "/" + stem + ".avsc")
	must(err)
	found.Schema = string(data)
	if data, err = os.ReadFile(folder + "/" + stem + ".refs.json"); err == nil {
		must(json.Unmarshal(data, &found.References))
	}
	return found
}

func (s *source) parse(given text, cache *avro.SchemaCache) avro.Schema {
	for _, one := range given.References {
		if cache.Get(one.Name) == nil {
			s.parse(s.text(one.Subject, one.Version), cache)
		}
	}
	schema, err := avro.ParseWithCache(given.Schema, "", cache)
	must(err)
	return schema
}

func reads(reader, writer avro.Schema) bool {
	return avro.NewSchemaCompatibility().Compatible(reader, writer) == nil
}

// where leads to what breaks, with the library asked again on the way.
func where(reader, writer avro.Schema, path []string) []string {
	if ref, ok := reader.(*avro.RefSchema); ok {
		reader = ref.Schema()
	}
	if ref, ok := writer.(*avro.RefSchema); ok {
		writer = ref.Schema()
	}
	switch r := reader.(type) {
	case *avro.ArraySchema:
		if w, ok := writer.(*avro.ArraySchema); ok {
			return where(r.Items(), w.Items(), path)
		}
	case *avro.MapSchema:
		if w, ok := writer.(*avro.MapSchema); ok {
			return where(r.Values(), w.Values(), path)
		}
	case *avro.RecordSchema:
		w, ok := writer.(*avro.RecordSchema)
		if !ok || len(path) > 20 {
			return path
		}
		written := map[string]avro.Schema{}
		for _, field := range w.Fields() {
			written[field.Name()] = field.Type()
		}
		for _, field := range r.Fields() {
			match := written[field.Name()]
			for _, alias := range field.Aliases() {
				if match == nil {
					match = written[alias]
				}
			}
			inner := append(append([]string{}, path...), field.Name())
			if match == nil && !field.HasDefault() {
				return inner
			}
			if match != nil && !reads(field.Type(), match) {
				return where(field.Type(), match, inner)
			}
		}
	}
	return path
}

func (s *source) compare(subject, folder string) (lines []string, code int) {
	defer func() {
		if trouble := recover(); trouble != nil {
			said := html.EscapeString(fmt.Sprint(trouble))
			code = 2
			lines = []string{fmt.Sprintf("<testcase classname=%q name='x'><error message=\"%s\"/></testcase>", subject, said)}
		}
	}()
	proposed := s.parse(load(folder, subject), &avro.SchemaCache{})
	level, _, transitive := strings.Cut(s.level(subject), "_")
	versions := s.versions(subject)
	if len(versions) > 1 && !transitive {
		versions = versions[len(versions)-1:]
	}
	if len(versions) == 0 || level == "NONE" {
		return []string{fmt.Sprintf("<testcase classname=%q name=\"none\"/>", subject)}, 0
	}
	for _, version := range versions {
		earlier := s.parse(s.text(subject, version), &avro.SchemaCache{})
		var kind, said string
		if level != "FORWARD" && !reads(proposed, earlier) {
			kind, said = "backward", strings.Join(where(proposed, earlier, nil), ".")
		}
		if level != "BACKWARD" && !reads(earlier, proposed) {
			if kind != "" {
				kind = "full"
			} else {
				kind = "forward"
			}
			said += " " + strings.Join(where(earlier, proposed, nil), ".")
		}
		line := fmt.Sprintf("<testcase classname=%q name=\"version %d\"/>", subject, version)
		if kind != "" {
			code = 1
			fmt.Printf("%s@%d %s: %s\n", subject, version, kind, said)
			line = fmt.Sprintf("<testcase classname=%q name=\"version %d\"><failure type=%q>%s</failure></testcase>",
				subject, version, kind, said)
		}
		lines = append(lines, line)
	}
	return lines, code
}

func main() {
	given := map[string]string{"--timeout": "10"}
	for i := 1; i+1 < len(os.Args); i += 2 {
		given[os.Args[i]] = os.Args[i+1]
	}
	seconds, _ := strconv.ParseFloat(given["--timeout"], 64)
	s := &source{url: given["--registry"], folder: given["--baseline"]}
	s.http.Timeout = time.Duration(seconds * float64(time.Second))
	s.levels.Default = "BACKWARD"
	var lines []string
	code := 0
	func() {
		defer func() {
			if trouble := recover(); trouble != nil {
				code = 2
				lines = append(lines, fmt.Sprintf("<testcase classname='all' name='all'><error>%s</error></testcase>",
					html.EscapeString(fmt.Sprint(trouble))))
			}
		}()
		entries, err := os.ReadDir(given["--schemas"])
		must(err)
		if s.url == "" {
			_, err := os.Stat(s.folder)
			must(err)
			if data, err := os.ReadFile(s.folder + "/levels.json"); err == nil {
				must(json.Unmarshal(data, &s.levels))
			}
		} else {
			s.ask("/config", &struct{}{}) // is it there at all?
		}
		count := 0
		for _, entry := range entries {
			if subject, ok := strings.CutSuffix(entry.Name(), ".avsc"); ok {
				count++
				found, ended := s.compare(subject, given["--schemas"])
				lines = append(lines, found...)
				code = max(code, ended)
			}
		}
		if count == 0 {
			panic("no schemas")
		}
	}()
	report := "<testsuite name=\"hamba\">" + strings.Join(lines, "\n") + "</testsuite>"
	must(os.WriteFile(given["--junit"], []byte(report), 0o666))
	os.Exit(code)
}
