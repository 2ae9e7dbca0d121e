// Uploads the image at the second argument to the API at the first.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"example.com/app/client"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(url, path string) error {
	ctx := context.Background()
	configuration := imagepipeline.NewConfiguration()
	configuration.Servers = imagepipeline.ServerConfigurations{{URL: url}}
	images := imagepipeline.NewAPIClient(configuration).ImagesAPI

	file, err := os.Stat(path)
	if err != nil {
		return err
	}
	input := imagepipeline.NewImageInput()
	input.SetFilename(filepath.Base(path))
	input.SetContentType("image/jpeg")
	input.SetBytes(file.Size())
	input.SetTags([]string{"go"})
	key := newKey()
	created, _, err := images.CreateImage(ctx).ImageInput(*input).IdempotencyKey(key).Execute()
	if err != nil {
		return err
	}
	fmt.Println("created", created.Status)
	repeated, _, err := images.CreateImage(ctx).ImageInput(*input).IdempotencyKey(key).Execute()
	if err != nil {
		return err
	}
	fmt.Println("repeated", repeated.Id == created.Id)

	if err := put(created.GetUpload(), path, file.Size()); err != nil {
		return err
	}

	image, _, err := images.GetImage(ctx, created.Id).Execute()
	for err == nil && (image.Status == "pending" || image.Status == "processing") {
		time.Sleep(time.Second)
		image, _, err = images.GetImage(ctx, created.Id).Execute()
	}
	if err != nil {
		return err
	}
	variants := image.GetVariants()
	thumbnail := variants.GetThumbnail()
	fmt.Println(image.Status, thumbnail.Width)

	page, _, err := images.ListImages(ctx).Status(imagepipeline.IMAGESTATUS_READY).Tag([]string{"go"}).Execute()
	if err != nil {
		return err
	}
	fmt.Println("listed", len(page.Items) == 1 && page.Items[0].Id == created.Id)

	_, response, err := images.GetImage(ctx, "img_00000000000000000000000000").Execute()
	var apiError *imagepipeline.GenericOpenAPIError
	if !errors.As(err, &apiError) {
		return err
	}
	if problem, ok := apiError.Model().(imagepipeline.Problem); ok {
		fmt.Println(response.StatusCode, problem.Code)
	}

	_, err = images.DeleteImage(ctx, created.Id).Permanent(true).Execute()
	return err
}

func put(upload imagepipeline.Upload, path string, bytes int64) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	request, err := http.NewRequest(http.MethodPut, upload.Url, file)
	if err != nil {
		return err
	}
	request.ContentLength = bytes
	for name, value := range upload.GetHeaders() {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("S3 responded with %s", response.Status)
	}
	return nil
}

func newKey() string {
	bytes := make([]byte, 16)
	rand.Read(bytes)
	return fmt.Sprintf("%x", bytes)
}
