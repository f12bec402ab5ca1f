package main

import (
	"fmt"
	"slices"
	"strings"
)

// promotions: written as → may be read as.
var promotions = map[string][]string{
	"int":    {"long", "float", "double"},
	"long":   {"float", "double"},
	"float":  {"double"},
	"string": {"bytes"},
	"bytes":  {"string"},
}

// Problem is one reason why some data cannot be read. Path leads to it by fields' names.
type Problem struct {
	Path string
	Text string
}

type pair struct{ reader, writer *Node }

// comparison remembers the pairs that it is in the middle of: a recursive type leads back to them.
type comparison map[pair]bool

// Problems says why some data of the writer's schema cannot be read; nothing if all can.
func Problems(reader, writer *Node) []Problem {
	return comparison{}.compare(reader, writer, "")
}

func (open comparison) compare(reader, writer *Node, path string) []Problem {
	at := pair{reader, writer}
	if open[at] {
		return nil
	}
	open[at] = true
	defer delete(open, at)

	if writer.Kind == "union" { // each of its branches may have been written
		var found []Problem
		for _, branch := range writer.Branches {
			found = append(found, open.compare(reader, branch, path)...)
		}
		return found
	}
	if reader.Kind == "union" {
		return open.intoUnion(reader, writer, path)
	}
	if reader.Kind != writer.Kind {
		if slices.Contains(promotions[writer.Kind], reader.Kind) {
			return nil
		}
		return []Problem{{path, fmt.Sprintf("%s cannot be read as %s", writer.Kind, reader.Kind)}}
	}
	if reader.ShortName() != writer.ShortName() {
		return []Problem{{path, fmt.Sprintf("%s cannot be read as %s", writer.Name, reader.Name)}}
	}
	switch reader.Kind {
	case "array", "map":
		return open.compare(reader.Branches[0], writer.Branches[0], path)
	case "fixed":
		if reader.Size != writer.Size {
			return []Problem{{path, "the sizes differ"}}
		}
	case "enum":
		return symbols(reader, writer, path)
	case "record":
		return open.records(reader, writer, path)
	}
	return nil
}

func (open comparison) intoUnion(reader, writer *Node, path string) []Problem {
	best := []Problem{{path, fmt.Sprintf("no branch of the union takes %s", writer.Kind)}}
	for _, branch := range reader.Branches {
		found := open.compare(branch, writer, path)
		if len(found) == 0 {
			return nil
		}
		if branch.Kind == writer.Kind && branch.Name == writer.Name {
			best = found // it is meant for this branch: say what is wrong inside
		}
	}
	return best
}

func symbols(reader, writer *Node, path string) []Problem {
	var lacking []string
	for _, symbol := range writer.Symbols {
		if !slices.Contains(reader.Symbols, symbol) {
			lacking = append(lacking, symbol)
		}
	}
	if len(lacking) == 0 || reader.DefaultSymbol {
		return nil
	}
	return []Problem{{path, "the enum lacks " + strings.Join(lacking, ", ") + ", and has no default"}}
}

func (open comparison) records(reader, writer *Node, path string) []Problem {
	var found []Problem
	for _, field := range reader.Fields {
		inner := field.Name
		if path != "" {
			inner = path + "." + field.Name
		}
		if written := writtenAs(field, writer); written != nil {
			found = append(found, open.compare(field.Type, written.Type, inner)...)
		} else if !field.HasDefault {
			found = append(found, Problem{inner, "was not written, and has no default"})
		}
	}
	return found
}

// writtenAs is the writer's field for one of the reader's: by its name, else by its aliases.
func writtenAs(wanted Field, writer *Node) *Field {
	for _, name := range append([]string{wanted.Name}, wanted.Aliases...) {
		for i := range writer.Fields {
			if writer.Fields[i].Name == name {
				return &writer.Fields[i]
			}
		}
	}
	return nil
}
