"""Uploads the image at the second argument to the API at the first."""

import sys
import time
import uuid
from pathlib import Path
from urllib.request import Request, urlopen

from imagepipeline import ApiClient, Configuration, ImageInput, ImagesApi, ImageStatus, Problem, Upload
from imagepipeline.exceptions import NotFoundException


def put(upload: Upload, file: Path) -> None:
    request = Request(upload.url, file.read_bytes(), upload.headers or {}, method="PUT")
    urlopen(request).close()


def main(url: str, path: str) -> None:
    images = ImagesApi(ApiClient(Configuration(host=url)))
    file = Path(path)

    image_input = ImageInput(
        filename=file.name, contentType="image/jpeg", bytes=file.stat().st_size, tags=["python"]
    )
    key = str(uuid.uuid4())
    created = images.create_image(image_input, idempotency_key=key)
    print("created", created.status)
    repeated = images.create_image(image_input, idempotency_key=key)
    print("repeated", str(repeated.id == created.id).lower())

    assert created.upload
    put(created.upload, file)

    image = images.get_image(created.id)
    while image.status in ("pending", "processing"):
        time.sleep(1)
        image = images.get_image(created.id)
    assert image.variants and image.variants.thumbnail
    print(image.status, image.variants.thumbnail.width)

    page = images.list_images(status=ImageStatus.READY, tag=["python"])
    print("listed", str([item.id for item in page.items] == [created.id]).lower())

    try:
        images.get_image("img_00000000000000000000000000")
    except NotFoundException as error:
        assert isinstance(error.data, Problem)
        print(error.status, error.data.code)
    images.delete_image(created.id, permanent=True)


main(*sys.argv[1:])
