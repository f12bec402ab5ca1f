package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Node is a type with its names resolved. Kind is a primitive's name, or record, enum, fixed,
// array, map, union.
type Node struct {
	Kind          string
	Name          string // the full name of a named type
	Fields        []Field
	Symbols       []string
	DefaultSymbol bool
	Size          int
	Branches      []*Node // of a union; an array's or a map's one is its item or value
}

type Field struct {
	Name       string
	Type       *Node
	HasDefault bool
	Aliases    []string
}

// Names holds named types by their full names.
type Names map[string]*Node

var primitives = map[string]bool{
	"null": true, "boolean": true, "int": true, "long": true,
	"float": true, "double": true, "bytes": true, "string": true,
}

// shape is whatever an object in a schema may have; Type, Items and Values are schemas.
type shape struct {
	Type      json.RawMessage `json:"type"`
	Name      string          `json:"name"`
	Namespace *string         `json:"namespace"`
	Fields    []struct {
		Name    string          `json:"name"`
		Type    json.RawMessage `json:"type"`
		Default json.RawMessage `json:"default"`
		Aliases []string        `json:"aliases"`
	} `json:"fields"`
	Symbols []string        `json:"symbols"`
	Default json.RawMessage `json:"default"`
	Size    int             `json:"size"`
	Items   json.RawMessage `json:"items"`
	Values  json.RawMessage `json:"values"`
}

// Parse parses a schema. names holds the types of its references, and gets its own.
func Parse(text string, names Names) (*Node, error) {
	return names.node(json.RawMessage(text), "")
}

func (names Names) node(raw json.RawMessage, namespace string) (*Node, error) {
	trimmed := strings.TrimSpace(string(raw))
	switch {
	case strings.HasPrefix(trimmed, `"`):
		var name string
		if err := json.Unmarshal(raw, &name); err != nil {
			return nil, err
		}
		return names.lookup(name, namespace)
	case strings.HasPrefix(trimmed, "["):
		var branches []json.RawMessage
		if err := json.Unmarshal(raw, &branches); err != nil {
			return nil, err
		}
		union := &Node{Kind: "union"}
		for _, branch := range branches {
			made, err := names.node(branch, namespace)
			if err != nil {
				return nil, err
			}
			union.Branches = append(union.Branches, made)
		}
		return union, nil
	}
	var one shape
	if err := json.Unmarshal(raw, &one); err != nil {
		return nil, fmt.Errorf("this is no schema: %w", err)
	}
	return names.object(one, namespace)
}

func (names Names) object(one shape, namespace string) (*Node, error) {
	var kind string
	if err := json.Unmarshal(one.Type, &kind); err != nil {
		return names.node(one.Type, namespace) // a schema in the place of a type's name
	}
	switch kind {
	case "array", "map":
		inner := one.Items
		if kind == "map" {
			inner = one.Values
		}
		made, err := names.node(inner, namespace)
		return &Node{Kind: kind, Branches: []*Node{made}}, err
	case "record", "error", "enum", "fixed":
	default:
		return names.lookup(kind, namespace)
	}
	name := one.Name
	if !strings.Contains(name, ".") {
		if one.Namespace != nil {
			namespace = *one.Namespace
		}
		name = qualified(name, namespace)
	} else {
		namespace = name[:strings.LastIndex(name, ".")]
	}
	if name == "" || names[name] != nil {
		return nil, fmt.Errorf("the type %q has no name, or is defined twice", name)
	}
	made := &Node{
		Kind: kind, Name: name, Symbols: one.Symbols, Size: one.Size,
		DefaultSymbol: one.Default != nil,
	}
	if kind == "error" {
		made.Kind = "record"
	}
	names[name] = made
	for _, field := range one.Fields {
		inner, err := names.node(field.Type, namespace)
		if err != nil {
			return nil, err
		}
		made.Fields = append(made.Fields, Field{
			Name: field.Name, Type: inner, Aliases: field.Aliases, HasDefault: field.Default != nil,
		})
	}
	return made, nil
}

func (names Names) lookup(name, namespace string) (*Node, error) {
	if primitives[name] {
		return &Node{Kind: name}, nil
	}
	if found := names[qualified(name, namespace)]; found != nil {
		return found, nil
	}
	if found := names[name]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("nothing defines the type %q", name)
}

func qualified(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

// ShortName is a named type's name without its namespace.
func (n *Node) ShortName() string {
	return n.Name[strings.LastIndex(n.Name, ".")+1:]
}
