package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reference is a type that another subject's version defines.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Written is a schema's text with its references.
type Written struct {
	Text       string
	References []Reference
}

// Baseline is where earlier versions come from.
type Baseline interface {
	Level(subject string) (string, error)
	Versions(subject string) ([]int, error)
	Written(subject string, version int) (Written, error)
}

// errUnreachable says that nothing at all can be learnt from the baseline.
var errUnreachable = errors.New("no answer of a registry")

// Resolve parses a schema with all that it refers to.
func Resolve(base Baseline, written Written) (*Node, error) {
	names := Names{}
	if err := collect(base, written, names, map[Reference]bool{}); err != nil {
		return nil, err
	}
	return Parse(written.Text, names)
}

func collect(base Baseline, written Written, names Names, done map[Reference]bool) error {
	for _, one := range written.References {
		at := Reference{Subject: one.Subject, Version: one.Version}
		if done[at] {
			continue
		}
		done[at] = true
		target, err := base.Written(one.Subject, one.Version)
		if err != nil {
			return err
		}
		if err := collect(base, target, names, done); err != nil {
			return err
		}
		if _, err := Parse(target.Text, names); err != nil {
			return err
		}
	}
	return nil
}

// Folder is a baseline on disk.
type Folder struct {
	path   string
	levels struct {
		Default  string            `json:"default"`
		Subjects map[string]string `json:"subjects"`
	}
}

// OpenFolder reads its levels; a folder that is not there is an error.
func OpenFolder(path string) (*Folder, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no folder %s", path)
	}
	folder := &Folder{path: path}
	err := readJSON(filepath.Join(path, "levels.json"), &folder.levels)
	if folder.levels.Default == "" {
		folder.levels.Default = "BACKWARD"
	}
	return folder, err
}

func (f *Folder) Level(subject string) (string, error) {
	if own := f.levels.Subjects[subject]; own != "" {
		return own, nil
	}
	return f.levels.Default, nil
}

func (f *Folder) Versions(subject string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(f.path, subject))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var found []int
	for _, entry := range entries {
		if stem, ok := strings.CutSuffix(entry.Name(), ".avsc"); ok {
			number, err := strconv.Atoi(stem)
			if err != nil {
				return nil, err
			}
			found = append(found, number)
		}
	}
	slices.Sort(found)
	return found, err
}

func (f *Folder) Written(subject string, version int) (Written, error) {
	return ReadSchema(filepath.Join(f.path, subject), strconv.Itoa(version))
}

// ReadSchema reads a schema's file with the references that lie beside it.
func ReadSchema(folder, stem string) (Written, error) {
	text, err := os.ReadFile(filepath.Join(folder, stem+".avsc"))
	if err != nil {
		return Written{}, err
	}
	written := Written{Text: string(text)}
	err = readJSON(filepath.Join(folder, stem+".refs.json"), &written.References)
	return written, err
}

// readJSON reads a file into a value, and leaves it as it is without the file.
func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	return err
}

// Registry is a baseline that speaks the Confluent API.
type Registry struct {
	url    string
	client http.Client
}

func NewRegistry(url string, timeout time.Duration) *Registry {
	return &Registry{strings.TrimRight(url, "/"), http.Client{Timeout: timeout}}
}

// get reads an answer; found is false where the registry itself says that there is no such thing.
func (r *Registry) get(path string, into any) (found bool, err error) {
	answer, err := r.client.Get(r.url + path)
	if err != nil {
		return false, fmt.Errorf("%w: %v", errUnreachable, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return false, fmt.Errorf("%w: %v", errUnreachable, err)
	}
	var trouble struct {
		Code int `json:"error_code"`
	}
	if answer.StatusCode == http.StatusNotFound && json.Unmarshal(body, &trouble) == nil {
		switch trouble.Code {
		case 40401, 40402, 40408: // no such subject, no such version, no level of its own
			return false, nil
		}
	}
	if answer.StatusCode != http.StatusOK {
		return false, fmt.Errorf("%w: %d to %s", errUnreachable, answer.StatusCode, path)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return false, fmt.Errorf("%w: %v", errUnreachable, err)
	}
	return true, nil
}

func (r *Registry) Level(subject string) (string, error) {
	var level struct {
		Name string `json:"compatibilityLevel"`
	}
	found, err := r.get("/config/"+url.PathEscape(subject)+"?defaultToGlobal=true", &level)
	if err == nil && !found {
		_, err = r.get("/config", &level)
	}
	return level.Name, err
}

func (r *Registry) Versions(subject string) ([]int, error) {
	var found []int
	_, err := r.get("/subjects/"+url.PathEscape(subject)+"/versions", &found)
	slices.Sort(found)
	return found, err
}

func (r *Registry) Written(subject string, version int) (Written, error) {
	var schema struct {
		Text       string      `json:"schema"`
		References []Reference `json:"references"`
	}
	path := fmt.Sprintf("/subjects/%s/versions/%d", url.PathEscape(subject), version)
	found, err := r.get(path, &schema)
	if err == nil && !found {
		err = fmt.Errorf("there is no %s version %d", subject, version)
	}
	return Written{schema.Text, schema.References}, err
}
