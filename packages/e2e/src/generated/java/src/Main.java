import imagepipeline.ApiClient;
import imagepipeline.ApiException;
import imagepipeline.api.ImagesApi;
import imagepipeline.api.ImagesApi.APIListImagesRequest;
import imagepipeline.model.Image;
import imagepipeline.model.ImageInput;
import imagepipeline.model.ImageStatus;
import imagepipeline.model.Problem;
import imagepipeline.model.Upload;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;

/** Uploads the image at the second argument to the API at the first. */
public class Main {
  public static void main(String[] args) throws Exception {
    var api = new ApiClient();
    api.updateBaseUri(args[0]);
    var images = new ImagesApi(api);
    var file = Path.of(args[1]);

    var input = new ImageInput()
        .filename(file.getFileName().toString()).contentType("image/jpeg").bytes(Files.size(file))
        .tags(List.of("java"));
    var key = UUID.randomUUID().toString();
    var created = images.createImage(input, key);
    System.out.println("created " + created.getStatus());
    System.out.println("repeated " + images.createImage(input, key).getId().equals(created.getId()));

    put(created.getUpload(), file);

    var image = images.getImage(created.getId(), null, null);
    while (List.of("pending", "processing").contains(image.getStatus())) {
      Thread.sleep(1_000);
      image = images.getImage(created.getId(), null, null);
    }
    System.out.println(image.getStatus() + " " + image.getVariants().getThumbnail().getWidth());

    var page = images.listImages(
        APIListImagesRequest.newBuilder().status(ImageStatus.READY).tag(List.of("java")).build());
    var listed = page.getItems().stream().map(Image::getId).toList();
    System.out.println("listed " + listed.equals(List.of(created.getId())));

    try {
      images.getImage("img_00000000000000000000000000", null, null);
    } catch (ApiException error) {
      var problem = api.getObjectMapper().readValue(error.getResponseBody(), Problem.class);
      System.out.println(error.getCode() + " " + problem.getCode());
    }
    images.deleteImage(created.getId(), true, null);
  }

  private static void put(Upload upload, Path file) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(upload.getUrl())).PUT(BodyPublishers.ofFile(file));
    upload.getHeaders().forEach(request::header);
    var response = HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofString());
    if (response.statusCode() != 200) throw new IllegalStateException(response.body());
  }
}
