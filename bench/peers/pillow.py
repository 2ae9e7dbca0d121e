"""Makes variants with Pillow: `python3 pillow.py TASK FILE…`. Prints the CPU of each file in ms as JSON."""
import io
import json
import sys
import time

from PIL import Image, ImageOps

outputs = json.loads(sys.argv[1])


def make(data):
    for output in outputs:
        width, height = output["width"], output.get("height")
        picture = Image.open(io.BytesIO(data))
        if output["fit"] == "cover":
            # draft() lets the JPEG decoder reduce by up to eight.
            picture.draft("RGB", (width, height))
            picture = ImageOps.fit(ImageOps.exif_transpose(picture), (width, height), Image.BICUBIC)
        else:
            # thumbnail() calls draft() for twice the size and reduces the rest.
            picture.thumbnail((width, 1000000))
            picture = ImageOps.exif_transpose(picture)
        picture.save(io.BytesIO(), output["format"], quality=output["quality"], method=output["effort"])


data = [open(file, "rb").read() for file in sys.argv[2:]]
for each in data:
    make(each)
spent = []
for each in data:
    before = time.process_time()
    make(each)
    spent.append((time.process_time() - before) * 1000)
print(json.dumps(spent))
