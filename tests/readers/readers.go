// The digest of every column, as parquet-go reads it: `readers EXPECTED`.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log"
	"math"
	"os"
	"runtime/debug"

	"github.com/parquet-go/parquet-go"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	check(err)
	var expected map[string]map[string][2]string
	check(json.Unmarshal(text, &expected))
	files := map[string]map[string]string{}
	for path := range expected {
		files[path] = digests(path)
	}
	build, _ := debug.ReadBuildInfo()
	version := ""
	for _, module := range build.Deps {
		if module.Path == "github.com/parquet-go/parquet-go" {
			version = module.Version
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"version": version, "files": files}))
}

func digests(path string) map[string]string {
	input, err := os.Open(path)
	check(err)
	defer input.Close()
	info, err := input.Stat()
	check(err)
	file, err := parquet.OpenFile(input, info.Size())
	check(err)
	found := map[string]string{}
	for index, column := range file.Schema().Columns() {
		sum := sha256.New()
		for _, group := range file.RowGroups() {
			add(sum, group.ColumnChunks()[index])
		}
		found[column[0]] = hex.EncodeToString(sum.Sum(nil))
	}
	return found
}

func add(sum hash.Hash, chunk parquet.ColumnChunk) {
	pages := chunk.Pages()
	defer pages.Close()
	values := make([]parquet.Value, 1024)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return
		}
		check(err)
		reader := page.Values()
		for {
			count, err := reader.ReadValues(values)
			for _, value := range values[:count] {
				fmt.Fprintln(sum, cell(value))
			}
			if errors.Is(err, io.EOF) {
				break
			}
			check(err)
		}
	}
}

func cell(value parquet.Value) string {
	switch {
	case value.IsNull():
		return `\N`
	case value.Kind() == parquet.Boolean && value.Boolean():
		return "1"
	case value.Kind() == parquet.Boolean:
		return "0"
	case value.Kind() == parquet.Double:
		return fmt.Sprintf("%016x", math.Float64bits(value.Double()))
	default:
		return value.String()
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
