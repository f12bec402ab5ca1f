package main

import (
	"encoding/xml"
	"os"
)

// Case is one comparison. Direction is backward, forward or full, and says that it failed; Error
// says that there is no verdict.
type Case struct {
	Subject   string
	Name      string
	Direction string
	Message   string
	Error     string
}

type xmlSuite struct {
	XMLName  xml.Name  `xml:"testsuite"`
	Name     string    `xml:"name,attr"`
	Tests    int       `xml:"tests,attr"`
	Failures int       `xml:"failures,attr"`
	Errors   int       `xml:"errors,attr"`
	Cases    []xmlCase `xml:"testcase"`
}

type xmlCase struct {
	Subject string      `xml:"classname,attr"`
	Name    string      `xml:"name,attr"`
	Failure *xmlTrouble `xml:"failure"`
	Error   *xmlTrouble `xml:"error"`
}

type xmlTrouble struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
}

// WriteReport writes the report as JUnit XML, whole or not at all.
func WriteReport(path string, cases []Case) error {
	suite := xmlSuite{Name: "schema-compatibility", Tests: len(cases)}
	for _, one := range cases {
		made := xmlCase{Subject: one.Subject, Name: one.Name}
		if one.Error != "" {
			made.Error = &xmlTrouble{Message: one.Error}
			suite.Errors++
		} else if one.Direction != "" {
			made.Failure = &xmlTrouble{one.Direction, one.Message}
			suite.Failures++
		}
		suite.Cases = append(suite.Cases, made)
	}
	data, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, append([]byte(xml.Header), data...), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
